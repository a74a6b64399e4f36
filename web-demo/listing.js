// The list: what is there already, what others send, and how those fare that are not watched.

import { askForToken, token, tokenServes, whenTokenChanges } from './access.js';
import { $, announce, write } from './elements.js';
import { HeadwayError, list } from './headway.js';
import { byId, drawSoon, dropRow, placeByAge, rows } from './rows.js';
import { findUnfinished } from './sending.js';
import { assignWatches, isWatched } from './watching.js';
import { trouble } from './words.js';

const PAGE_DOCUMENTS = 100;
const DOCUMENTS_MAX = 500;
const WAIT_MILLISECONDS = { unwatched: 2_000, quiet: 3_000, hidden: 15_000, refused: 60_000 };
const FAILED_WAIT_MAX_MILLISECONDS = 5_000;
const ASKED_WAIT_MAX_SECONDS = 60;

let wanted = PAGE_DOCUMENTS;
let isListed = false;
let condition = null; // the error that keeps the list from coming
let hasFoundUnfinished = false;
let wake = () => {};
let soon = () => {};

/** Asks for the list at once instead of after a while. */
export function wakeList() {
    wake();
}

/** Comes back to the list earlier where a row now depends on it. */
export function listSoon() {
    soon();
}

export async function followList() {
    for (let failures = 0; ; ) {
        const begun = performance.now();
        const used = token();
        let wait;
        try {
            // What this browser has begun is addressed by its ids: it shows whether or not the list may be seen.
            if (!hasFoundUnfinished) await findUnfinished();
            hasFoundUnfinished = true;
            const limit = Math.min(DOCUMENTS_MAX, Math.max(wanted, Math.ceil(byId.size / 50) * 50));
            merge(await list({ limit, token: used }), begun);
            failures = 0;
            isListed = true;
            setCondition(null);
            wait = WAIT_MILLISECONDS[pace()];
        } catch (error) {
            if (!(error instanceof HeadwayError)) throw error;
            failures += 1;
            wait = error.passing ? waitAfter(error, failures) : WAIT_MILLISECONDS.refused;
            setCondition(error, used);
        }
        drawSoon(null);
        await new Promise((resolve) => {
            const timer = setTimeout(resolve, wait);
            wake = () => {
                clearTimeout(timer);
                resolve();
            };
            soon = () => {
                const left = begun + WAIT_MILLISECONDS[pace()] - performance.now();
                if (!failures && left < wait) setTimeout(wake, Math.max(0, left));
            };
        });
        soon = () => {};
    }
}

function waitAfter({ retryAfterSeconds }, failures) {
    const asked = Math.min(ASKED_WAIT_MAX_SECONDS, retryAfterSeconds ?? 0) * 1000;
    return Math.max(asked, Math.min(FAILED_WAIT_MAX_MILLISECONDS, 500 * 2 ** failures));
}

function pace() {
    for (const row of rows) if (row.running && row.id && !isWatched(row)) return 'unwatched';
    return document.visibilityState === 'visible' ? 'quiet' : 'hidden';
}

function merge({ documents, next_cursor: next }, begun) {
    const present = new Set();
    for (const state of documents) {
        present.add(state.document_id);
        const known = byId.get(state.document_id);
        if (known) known.apply(state);
        else placeByAge(state);
    }
    const oldest = documents.at(-1)?.created_at ?? '';
    for (const row of rows) {
        if (!row.id || present.has(row.id) || row.upload || row.since > begun) continue;
        if (!next || row.state.created_at > oldest) dropRow(row);
    }
    $('more').hidden = !next || wanted >= DOCUMENTS_MAX;
    assignWatches();
}

function setCondition(error, used) {
    condition = error;
    if (error?.status === 401) askForToken(error, used);
    else if (!error || error.status === 403) tokenServes();
    const words = error ? conditionWords(error) : '';
    if (write($('condition'), words)) announce(words || 'Connected again.');
}

function conditionWords(error) {
    if (!navigator.onLine) return 'Offline. What runs goes on; this page will catch up.';
    if (error.code === 'network') return 'No connection to Headway. Trying again…';
    if (error.passing) return 'Headway is busy. Trying again…';
    if (error.status === 401) return '';
    if (error.status === 403) return 'This token does not show the list. What you send from here is shown.';
    return `Refused: ${trouble(error).next}`;
}

/** What the sheet shows: its rows, or why there are none. */
export function drawSheet() {
    const lack = { 401: 'locked', 403: 'empty' }[condition?.status] ?? (condition ? 'lost' : 'empty');
    $('sheet').dataset.view = rows.size ? 'rows' : isListed || condition ? lack : 'loading';
}

$('more').addEventListener('click', () => {
    wanted += PAGE_DOCUMENTS;
    wakeList();
});
addEventListener('online', wakeList);
addEventListener('offline', () => setCondition(new HeadwayError({ code: 'network', detail: '' })));
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wakeList());
whenTokenChanges(wakeList);
