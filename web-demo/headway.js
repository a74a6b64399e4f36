/**
 * Headway's browser client: send a document, watch it to its end, look at what came out.
 *
 *     import { upload, watch, result } from 'https://headway.example/headway.js';
 *
 *     const sending = upload(file, { onProgress: ({ phase, progress }) => draw(phase, progress) });
 *     pauseButton.onclick = () => sending.pause();   // and sending.resume(), sending.cancel()
 *     const sent = await sending;                    // the state at the last byte
 *     const end = await watch(sent.document_id, { onState: ({ progress }) => draw('processing', progress) });
 *     if (end.status === 'complete') console.log(await result(end.document_id, { limit: 3 }));
 *
 * An upload goes on by itself where the connection was lost, and where the page was loaded again: then call `upload`
 * with the same file, and only what is missing is sent. `unfinished` lists what waits for its file.
 *
 * Who shows many documents at once takes a `Watchlist`, which needs one connection for all of them. Import this module
 * alone; the others beside it are its parts.
 *
 * How it thinks. Every event is the whole state of a document at one offset, so the newest one always suffices: a
 * lost, late or doubled event costs nothing. Offsets count within an epoch; an older offset of the same epoch is
 * dropped. The percentage a caller is given for a document never goes down, whatever arrives and by whichever call.
 *
 * Every function takes `baseURL`, where Headway is served (by default that is where this module came from), and
 * `token`, which a server with tokens asks for. Requests send it as `Authorization: Bearer`; a WebSocket or an event
 * stream, which can send no header, as `access_token` in its address. `signal` (an AbortSignal) ends a call early: its
 * promise rejects with the signal's reason.
 *
 * @module headway
 */

import { forget, isHeldElsewhere, keptUploads } from './kept.js';
import { answer, documentPath, request, rooted } from './requests.js';
import { steady } from './states.js';
import { Upload } from './upload.js';

export { HeadwayError } from './requests.js';
export { isNewer, isTerminal } from './states.js';
export { watch } from './watch.js';
export { Watchlist, watchMany } from './watchlist.js';

/**
 * @typedef {Object} DocumentState One document at one offset. More fields may come; ignore those you do not know.
 * @property {string} document_id
 * @property {number} offset grows by one or more with each event of the document
 * @property {string} epoch changes when offsets begin anew
 * @property {'uploading'|'queued'|'processing'|'complete'|'failed'|'cancelled'} status the last three are terminal
 * @property {?string} stage `uploading`, `queued`, or the earliest unfinished stage of the pipeline; null once terminal
 * @property {number} progress 0–100 over everything, the upload included; 100 only when complete
 * @property {?number} pages_done
 * @property {?number} pages_total
 * @property {?number} bytes_received
 * @property {?number} bytes_total
 * @property {{name: string, done: number, total: ?number}[]} stages
 * @property {?number} eta_low fewest seconds that may remain; null until there is evidence
 * @property {?number} eta_high most seconds that may remain
 * @property {?number} queue_position
 * @property {?{code: string, detail: string, retryable: boolean}} error
 * @property {string} created_at
 * @property {string} updated_at
 * @property {Object<string, string>} [links] on replies that create or change a document
 * @property {boolean} [local] the figures are what this browser has sent; the server has reported no byte yet
 */

/**
 * Sends one file. Await what it returns for the reply to the last byte (the state and `links`); processing goes on
 * after it. The document exists before its first byte is sent: `onState` is called with its id, and `watch` may begin
 * there. Unless a watch soon reports bytes, `onState` is given what this browser has sent, marked `local`.
 *
 * The upload (its `phase`, `progress`, `error`, `retryAt`; `pause()`, `resume()`, `cancel()`) is described in
 * `upload.js`. A lost connection and a server that is full are waited out, with growing waits or as long as it asks,
 * until nothing has been sent for `patienceMilliseconds` (a day). What the server has is never sent again, also where
 * the page has been loaded anew; with `remember: false` the browser keeps nothing of it. `id` says which unfinished
 * document to go on with, where the same file has several. Aborting stops the sending and leaves the document: call
 * `cancel` or `remove` to be rid of it.
 *
 * @param {File|Blob} file
 * @param {{baseURL?: string, token?: string, name?: string, metadata?: Object, pipeline?: string,
 *     priority?: 'high'|'normal'|'low', password?: string, remember?: boolean, id?: string,
 *     patienceMilliseconds?: number, onProgress?: (upload: Upload) => void, onState?: (state: DocumentState) => void,
 *     signal?: AbortSignal}} [options] `pipeline` and `password` as docs/api.md has them
 * @returns {Upload} a promise, too: it rejects with a HeadwayError where the file was refused, failed while it was sent
 *     or was cancelled (code `cancelled`), or where another window goes on with it (code `superseded`)
 */
export function upload(file, options) {
    return new Upload(file, options);
}

/**
 * The uploads this browser has begun and not ended, each with the document's state. Call `upload` with the same file
 * (the same name, size and time of change) to go on with one, or `cancel` with its id to discard it.
 * @param {{baseURL?: string, token?: string, signal?: AbortSignal}} [options]
 * @returns {Promise<{id: string, name: string, size: number, lastModified: number, state: DocumentState,
 *     isSentElsewhere: boolean}[]>} `isSentElsewhere`: another window has it
 */
export async function unfinished({ baseURL, token, signal } = {}) {
    const ask = async ({ id, name, size, lastModified }) => {
        const state = await get(id, { baseURL, token, signal }).catch((error) => {
            if (error.status !== 404) throw error;
            return null;
        });
        if (state?.status !== 'uploading') return forget(id);
        return { id, name, size, lastModified, state, isSentElsewhere: isHeldElsewhere(id) };
    };
    const all = await Promise.all(keptUploads(rooted(baseURL)).map(ask));
    return all.filter(Boolean);
}

/**
 * The documents, newest first.
 * @param {{baseURL?: string, token?: string, status?: string, cursor?: string, limit?: number,
 *     signal?: AbortSignal}} [options]
 * @returns {Promise<{documents: DocumentState[], next_cursor: ?string}>}
 */
export async function list({ baseURL, token, status, cursor, limit, signal } = {}) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries({ status, cursor, limit })) if (value != null) query.set(key, value);
    const page = await answer(`v1/documents?${query}`, { baseURL, token, signal });
    return { ...page, documents: page.documents.map(steady) };
}

/** One document's state. @returns {Promise<DocumentState>} */
export async function get(id, options) {
    return steady(await answer(documentPath(id), options));
}

/** Stops a running document and keeps its record; 409 if it has ended. @returns {Promise<DocumentState>} */
export async function cancel(id, options) {
    const state = steady(await answer(`${documentPath(id)}/cancel`, { ...options, method: 'POST' }));
    forget(id);
    return state;
}

/** Runs a failed or cancelled document again; 409 if its bytes never came whole. @returns {Promise<DocumentState>} */
export async function retry(id, options) {
    return steady(await answer(`${documentPath(id)}/retry`, { ...options, method: 'POST' }));
}

/** Deletes a document and all that was made of it, stopping it first. @returns {Promise<void>} */
export async function remove(id, options) {
    await request(documentPath(id), { ...options, method: 'DELETE' });
    forget(id);
}

/**
 * The chunks of a complete document, in order; with `limit`, the first few, and no more is read than they need.
 * @param {string} id
 * @param {{baseURL?: string, token?: string, limit?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<{index: number, page_start: number, page_end: number, text: string, embedding: number[]}[]>}
 */
export async function result(id, { baseURL, token, limit = Infinity, signal } = {}) {
    const headers = { Accept: 'application/x-ndjson' };
    const withinMilliseconds = Infinity; // A result takes the time it takes.
    const how = { baseURL, token, signal, headers, withinMilliseconds };
    const response = await request(`${documentPath(id)}/result`, how);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const chunks = [];
    let rest = '';
    try {
        while (chunks.length < limit) {
            const { value, done } = await reader.read();
            const lines = (rest + (done ? '\n' : value)).split('\n');
            rest = lines.pop();
            for (const line of lines) if (line) chunks.push(JSON.parse(line));
            if (done) break;
        }
    } finally {
        reader.cancel().catch(() => {});
    }
    return chunks.slice(0, limit);
}
