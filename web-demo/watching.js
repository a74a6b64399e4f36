// Watching: the documents that run, over one connection for all of them, by the transport a person may choose.

import { token, whenTokenChanges } from './access.js';
import { $ } from './elements.js';
import { Watchlist } from './headway.js';
import { byId, dropRow, rows } from './rows.js';
import { capital } from './words.js';

const WATCHES_MAX = 100;
// A browser opens six connections to a host over HTTP/1.1, for all tabs together. A WebSocket is not among them; an
// event stream is, so a tab that nobody looks at gives its own back after a while.
const REST_MILLISECONDS = 5_000;
const RANK = { processing: 0, uploading: 1, queued: 2 };
const TRANSPORTS = { websocket: 'WebSocket', sse: 'SSE', poll: 'Polling' };
const KEPT_CHOICE = 'headway.transport';

let watchlist = null;
let watched = new Set();
let connection = { name: 'websocket', phase: 'connecting' };
let isAssigning = false;
let isResting = false;
let assigned = () => {};

// As the address says (`?transport=`), or as it was chosen here before, or automatic.
let transport = [new URLSearchParams(location.search).get('transport'), kept()].find(isTransport) ?? 'auto';

/** Begins; `whenAssigned` is called each time it has changed which documents are watched. */
export function watchRows({ whenAssigned }) {
    assigned = whenAssigned;
    start();
}

function start() {
    watchlist?.close();
    watched = new Set();
    connection = { name: transport === 'auto' ? 'websocket' : transport, phase: 'connecting' };
    watchlist = new Watchlist({
        transport,
        token: token(),
        onState(state) {
            const row = byId.get(state.document_id);
            if (!row) return;
            row.transport = connection.name;
            row.apply(state);
        },
        onGone(id, error) {
            const row = byId.get(id);
            if (!row) return;
            row.unwatchable = true;
            if (error.status === 404 && !row.upload) dropRow(row);
        },
        onTransport(name, phase) {
            connection = { name, phase: phase === 'idle' ? 'connecting' : phase };
            for (const row of rows) if (watched.has(row.id)) row.mark();
            assignWatches();
        },
    });
    assignWatches();
}

export function isWatched(row) {
    return watched.has(row.id);
}

/** How news of a running document come: words to show, and the data attributes that go with them. */
export function via(row) {
    if (!isWatched(row)) return { words: 'Every 2 s', data: { transport: 'list', phase: 'live' } };
    const { name, phase } = connection;
    return { words: phase === 'live' ? TRANSPORTS[name] : `${capital(phase)}…`, data: { transport: name, phase } };
}

/** Decides anew, once in a turn, which documents are watched. */
export function assignWatches() {
    if (isAssigning) return;
    isAssigning = true;
    queueMicrotask(() => {
        isAssigning = false;
        const running = [...rows].filter((row) => row.running && row.id && !row.unwatchable);
        running.sort((a, b) => RANK[a.status] - RANK[b.status] || (a.id < b.id ? -1 : 1));
        const rests = isResting && connection.name !== 'websocket';
        const ids = running.slice(0, rests ? 0 : WATCHES_MAX).map((row) => row.id);
        const before = watched;
        watched = new Set(ids);
        for (const row of running) if (before.has(row.id) !== watched.has(row.id)) row.mark();
        watchlist.only(ids);
        assigned();
    });
}

let restTimer = null;
document.addEventListener('visibilitychange', () => {
    clearTimeout(restTimer);
    isResting = false;
    if (document.visibilityState !== 'visible') {
        restTimer = setTimeout(() => {
            isResting = true;
            assignWatches();
        }, REST_MILLISECONDS);
    }
    assignWatches();
});

whenTokenChanges(start);

// The choice.

function isTransport(name) {
    return name === 'auto' || Object.hasOwn(TRANSPORTS, name);
}

$('transport').value = transport;
$('transport').addEventListener('change', ({ target }) => {
    transport = target.value;
    keep(transport);
    // What was just chosen stands over what the address said, also when the page is loaded again.
    const address = new URL(location.href);
    address.searchParams.delete('transport');
    history.replaceState(history.state, '', address);
    start();
});

/** Storage may be forbidden or full; then a choice lasts as long as the page. */
function keep(choice) {
    try {
        localStorage.setItem(KEPT_CHOICE, choice);
    } catch {}
}

function kept() {
    try {
        return localStorage.getItem(KEPT_CHOICE);
    } catch {
        return null;
    }
}
