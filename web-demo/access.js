// The token: asked for where the server wants one, kept as long as the tab, sent with every request.

import { $, announce, write } from './elements.js';
import { trouble } from './words.js';

const KEPT = 'headway.token';
const TOKEN = /^[!-~]+$/;
const form = $('access');
const field = $('token');
const listeners = [];
let current = kept();
let isNeeded = false;

/** The token to send; undefined where there is none. */
export function token() {
    return current ?? undefined;
}

/** Whether a refusal may be over with another token. */
export function isAboutToken(error) {
    return error.status === 401 || error.code === 'forbidden';
}

/** Calls `listener` whenever there is another token. */
export function whenTokenChanges(listener) {
    listeners.push(listener);
}

/** The server has refused a call for want of a token, or for the token it had. */
export function askForToken(error) {
    const { title, next } = trouble(error);
    const words = error.code === 'bad_token' ? `${title}. ${next}` : 'It is kept until this tab is closed.';
    form.classList.toggle('wrong', error.code === 'bad_token');
    if (write($('access-note'), words) && error.code === 'bad_token') announce(words);
    if (!isNeeded) announce('This server asks for a token.');
    isNeeded = true;
    form.hidden = false;
    $('access-close').hidden = true;
    draw();
}

/** A call was answered with the token there is (or without one). */
export function tokenServes() {
    if (isNeeded) form.hidden = true;
    isNeeded = false;
    draw();
}

function draw() {
    $('access-change').hidden = !current || !form.hidden;
    $('access-forget').hidden = !current;
}

function change(value) {
    current = value || null;
    try {
        if (current) sessionStorage.setItem(KEPT, current);
        else sessionStorage.removeItem(KEPT);
    } catch {}
    field.value = '';
    draw();
    for (const listener of listeners) listener();
}

function kept() {
    try {
        return sessionStorage.getItem(KEPT);
    } catch {
        return null;
    }
}

form.addEventListener('submit', (event) => {
    event.preventDefault();
    const value = field.value.trim();
    if (!TOKEN.test(value)) {
        form.classList.add('wrong');
        write($('access-note'), 'A token is one word of letters, digits and signs, without spaces.');
        return field.focus();
    }
    if (!isNeeded) form.hidden = true;
    change(value);
});
$('access-change').addEventListener('click', () => {
    form.classList.remove('wrong');
    write($('access-note'), 'It takes the place of the one in use, until this tab is closed.');
    form.hidden = $('access-close').hidden = false;
    draw();
    field.focus();
});
$('access-forget').addEventListener('click', () => {
    form.hidden = true;
    change(null);
});
$('access-close').addEventListener('click', () => {
    form.hidden = true;
    draw();
    $('access-change').focus();
});
draw();
