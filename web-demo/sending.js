// Sending: three files at a time, the others in line; paused, gone on with, sent again, or taken back.

import { askForToken, isAboutToken, token, whenTokenChanges } from './access.js';
import { $ } from './elements.js';
import { HeadwayError, cancel, remove, retry, unfinished, upload } from './headway.js';
import { byId, dropRow, newRow, placeByAge, prepend, replaceRow, rows } from './rows.js';
import { otherFile } from './words.js';

const SENDING_MAX = 3;
const LOOK_AGAIN_MILLISECONDS = 300;

const line = []; // rows that wait for their turn
const served = new Set(); // rows whose turn it is
const pasted = new WeakSet(); // files that nobody can choose a second time
const stops = new WeakMap(); // rows to what stops their sending
const left = new WeakMap(); // rows to the documents that were made for them before they were refused
let choosing = null; // the row whose file is being chosen again

export const access = () => ({ token: token() });

/** Takes files in: one whose upload is unfinished goes on there, each other gets a row of its own. */
export function send(files, { arePasted = false } = {}) {
    const added = [];
    for (const file of files) {
        if (arePasted) pasted.add(file);
        const waiting = [...rows].find((row) => row.sending === 'away' && !otherFile(row.kept, file));
        const row = waiting ?? newRow(file.name || 'Untitled');
        row.file = file;
        row.wrongFile = null;
        if (!waiting) added.push(row);
        enlist(row);
    }
    prepend(added);
    serve();
}

function enlist(row, { first = false } = {}) {
    if (first) line.unshift(row);
    else line.push(row);
    row.place = line.length;
}

/** It gives up its place, whether in line or among those that are sent. */
function delist(row) {
    if (line.includes(row)) line.splice(line.indexOf(row), 1);
    served.delete(row);
    row.place = null;
    serve();
}

function serve() {
    while (served.size < SENDING_MAX && line.length) begin(line.shift());
    for (const row of rows) {
        const index = line.indexOf(row);
        const place = index < 0 ? null : index + 1;
        if (row.place === place) continue;
        row.place = place;
        row.mark();
    }
}

function begin(row) {
    served.add(row);
    row.place = null;
    if (row.upload) row.upload.resume();
    else run(row);
}

async function run(row) {
    const { file, name } = row;
    const used = access();
    const stop = new AbortController();
    stops.set(row, stop);
    row.upload = upload(file, {
        ...used,
        name,
        id: row.kept?.id,
        remember: !pasted.has(file),
        password: row.password ?? undefined,
        onState: (state) => adopt(row, state),
        onProgress: () => row.mark(),
        signal: stop.signal,
    });
    row.mark();
    try {
        row.apply(await row.upload);
    } catch (error) {
        ended(row, error, used.token);
    } finally {
        row.upload = null;
        served.delete(row);
        row.mark();
        serve();
    }
}

/** A row has a document now. The list may have brought the same one a moment ago; the row with the file stays. */
function adopt(row, state) {
    const other = byId.get(state.document_id);
    if (other && other !== row) leave(other);
    const isNew = row.id === null;
    row.apply(state);
    if (isNew) row.moved();
}

function ended(row, error, usedToken) {
    if (!rows.has(row) || row.hasEnded) return;
    if (!(error instanceof HeadwayError)) throw error;
    if (error.code === 'cancelled' && !row.state) return leave(row);
    // Another window has it; what it sends is watched from here.
    if (error.code === 'superseded') return findUnfinished().catch(() => {});
    if (error.status === 404 && row.state) return leave(row);
    row.refuse(error);
    row.moved();
    if (error.status === 401) askForToken(error, usedToken);
    if (!error.documentId) return;
    // What may still be gone on with stays there, and stays this row's.
    const { documentId } = error;
    if (error.passing) left.set(row, documentId);
    else remove(documentId, access()).then(() => byId.delete(documentId), () => {});
}

// What a row's buttons do.

/** @type {Object<string, (row: import('./row.js').Row) => (void|Promise<void>)>} */
export const ACTS = {
    pause(row) {
        row.upload?.pause();
        delist(row);
    },
    resume(row) {
        enlist(row, { first: true });
        serve();
    },
    choose(row) {
        choosing = row;
        $('again').click();
    },
    cancel: cancelRow,
    retry: retryRow,
    unlock: sendAnew,
    remove: removeRow,
};

async function cancelRow(row) {
    delist(row);
    if (row.upload) await row.upload.cancel();
    else if (row.id) row.apply(await cancel(row.id, access()));
    else leave(row);
    if (row.hasEnded) row.kept = null;
}

async function retryRow(row) {
    if (row.bytesWhole) {
        row.apply(await retry(row.id, access()));
        return row.moved();
    }
    if (!row.refusal) return sendAnew(row);
    row.refusal = null;
    row.mark();
    enlist(row);
    serve();
}

/** As another document: its percentage begins anew, so its row does. */
async function sendAnew(row) {
    const { id, file, password } = row;
    const next = newRow(row.name);
    Object.assign(next, { file, password });
    replaceRow(row, next);
    enlist(next);
    serve();
    if (id) await remove(id, access()).catch(() => {});
}

async function removeRow(row) {
    const id = row.id ?? left.get(row);
    if (id) {
        await remove(id, access()).catch((error) => {
            if (error.status !== 404) throw error;
        });
    }
    leave(row);
}

/** The row goes; what is sent for it is sent no more. */
export function leave(row) {
    delist(row);
    stops.get(row)?.abort();
    byId.delete(left.get(row));
    dropRow(row);
}

// What an earlier visit left unfinished.

$('again').addEventListener('change', ({ target }) => {
    const [file] = target.files;
    const row = choosing;
    target.value = '';
    if (!file || row?.sending !== 'away') return;
    row.wrongFile = otherFile(row.kept, file);
    row.mark();
    if (!row.wrongFile) send([file]);
});

/** Shows what waits for its file. Rejects where the server cannot be asked. */
export async function findUnfinished() {
    const found = new Map((await unfinished(access())).map((kept) => [kept.id, kept]));
    for (const kept of found.values()) {
        const row = byId.get(kept.id) ?? placeByAge(kept.state);
        row.kept = kept;
        row.mark();
    }
    for (const row of rows) if (row.kept && !found.has(row.id)) row.kept = null;
}

// Another window has begun, ended or left an upload.
let lookAgain = null;
addEventListener('storage', ({ key }) => {
    if (!key?.startsWith('headway.upload.')) return;
    clearTimeout(lookAgain);
    lookAgain = setTimeout(() => findUnfinished().catch(() => {}), LOOK_AGAIN_MILLISECONDS);
});

whenTokenChanges(() => {
    for (const row of rows) if (row.refusal && isAboutToken(row.refusal) && row.file) retryRow(row);
});
