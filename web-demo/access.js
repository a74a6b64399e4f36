// The token: asked for where the server wants one, kept as long as the tab, sent with every request.

import { $, announce, write } from './elements.js';
import { capital, trouble } from './words.js';

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

/** The server has refused a call for want of a token, or for the one it was given (`used`), which is forgotten. */
export function askForToken(error, used) {
    if (used !== token()) return;
    if (error.code === 'bad_token') {
        const { title, next } = trouble(error);
        say(`${capital(title)}. ${next}`, { isWrong: true });
        store(null);
    } else if (!isNeeded) {
        say('It is kept until this tab is closed.');
        announce('This server asks for a token.');
    }
    isNeeded = true;
    form.hidden = false;
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
    write($('access-label'), isNeeded ? 'This server asks for a token' : 'Another token');
    $('access-forget').hidden = $('access-close').hidden = isNeeded;
}

function say(words, { isWrong = false } = {}) {
    form.classList.toggle('wrong', isWrong);
    if (write($('access-note'), words) && isWrong) announce(words);
}

function change(value) {
    store(value);
    field.value = '';
    form.hidden = !isNeeded;
    draw();
    for (const listener of listeners) listener();
}

/** Storage may be forbidden; then a token lasts as long as the page. */
function store(value) {
    current = value;
    try {
        if (value) sessionStorage.setItem(KEPT, value);
        else sessionStorage.removeItem(KEPT);
    } catch {}
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
        say('A token is one word of letters, digits and signs, without spaces.', { isWrong: true });
        return field.focus();
    }
    change(value);
});
$('access-change').addEventListener('click', () => {
    say('It takes the place of the one in use, until this tab is closed.');
    form.hidden = false;
    draw();
    field.focus();
});
$('access-forget').addEventListener('click', () => change(null));
$('access-close').addEventListener('click', () => {
    form.hidden = true;
    draw();
    $('access-change').focus();
});
draw();
