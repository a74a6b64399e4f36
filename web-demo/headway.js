/**
 * Headway's browser client: send a document, watch it to its end, look at what came out.
 *
 *     import { upload, watch, result } from 'https://headway.example/headway.js';
 *
 *     const sent = await upload(file, { onState: draw });
 *     const end = await watch(sent.document_id, { onState: draw });
 *     if (end.status === 'complete') console.log(await result(end.document_id, { limit: 3 }));
 *
 * Who shows many documents at once takes a `Watchlist`, which needs one connection for all of them. Import this module
 * alone; the others beside it are its parts.
 *
 * How it thinks. Every event is the whole state of a document at one offset, so the newest one always suffices: a
 * lost, late or doubled event costs nothing. Offsets count within an epoch; an older offset of the same epoch is
 * dropped. The percentage a caller is given for a document never goes down, whatever arrives and by whichever call.
 *
 * Every function takes `baseURL`, where Headway is served; by default that is where this module came from. `signal`
 * (an AbortSignal) ends a call early: its promise rejects with the signal's reason.
 *
 * @module headway
 */

import {
    HeadwayError,
    answer,
    documentPath,
    growing,
    parsed,
    pause,
    refusal,
    request,
    rooted,
    unreachable,
} from './requests.js';
import { isTerminal, recall, steady } from './states.js';

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

const UPLOAD_WEIGHT = 20;
const SEND_TRIES_MAX = 10;
const SEND_WAIT_MAX_MILLISECONDS = 15_000;

/**
 * Sends one file and resolves with the reply to its last byte (the state and `links`); processing goes on after it.
 * The document exists before its first byte is sent, so `onState` is called at once with its id, and `watch` may
 * begin there. A cut upload is sent again from its first byte, after growing waits, at most ten times.
 *
 * Until the server reports a byte (to a `watch` of the same document, say), `onState` is given what this browser
 * has sent, marked `local`. `onCut` is called with the error when the sending begins anew. Aborting stops the
 * sending and leaves the document: call `cancel` or `remove` to be rid of it.
 *
 * @param {File|Blob} file
 * @param {{baseURL?: string, name?: string, metadata?: Object, onState?: (state: DocumentState) => void,
 *     onCut?: (error: HeadwayError) => void, signal?: AbortSignal}} [options]
 * @returns {Promise<DocumentState>}
 * @throws {HeadwayError} refused, failed while it was sent, or cut too often; its `documentId` says which document
 */
export async function upload(file, { baseURL, name = file.name || 'document', metadata, onState, onCut, signal } = {}) {
    await openable(file);
    const contentType = typeOf(name, file.type);
    const creation = create({ baseURL, name, size: file.size, contentType, metadata, signal });
    const created = await persist(creation, { signal });
    const id = created.document_id;
    onState?.(steady(created));
    const showSent = (bytes) => {
        if (recall(id).heard || !file.size) return;
        const progress = (UPLOAD_WEIGHT * bytes) / file.size;
        onState?.(steady({ ...created, bytes_received: bytes, progress, local: true }));
    };
    const attempt = async () => {
        try {
            return await put(new URL(created.links.content, rooted(baseURL)), { file, contentType, showSent, signal });
        } catch (error) {
            if (!(error instanceof HeadwayError)) throw error;
            // A refusal sent while bytes are on their way reaches a browser as a cut connection, and a lost reply as
            // a failure. The document itself knows what happened; where it cannot be asked, the error stands.
            const now = await get(id, { baseURL, signal }).catch((reason) => {
                if (reason instanceof HeadwayError && reason.passing) return null;
                throw reason;
            });
            if (!now) throw error;
            if (now.status === 'uploading') {
                await openable(file);
                // 409 while bytes are missing: the server still holds the connection that was cut.
                if (error.status === 409) error.code = 'upload_busy';
                throw error;
            }
            if (now.status === 'complete' || !isTerminal(now)) return now;
            onState?.(now);
            throw new HeadwayError(now.error ?? { code: 'cancelled', detail: 'It was cancelled.' });
        }
    };
    try {
        return steady(await persist(attempt, { signal, onCut }));
    } catch (error) {
        if (error instanceof HeadwayError) error.documentId = id;
        throw error;
    }
}

/**
 * The documents, newest first.
 * @param {{baseURL?: string, status?: string, cursor?: string, limit?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<{documents: DocumentState[], next_cursor: ?string}>}
 */
export async function list({ baseURL, status, cursor, limit, signal } = {}) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries({ status, cursor, limit })) if (value != null) query.set(key, value);
    const page = await answer(`v1/documents?${query}`, { baseURL, signal });
    return { ...page, documents: page.documents.map(steady) };
}

/** One document's state. @returns {Promise<DocumentState>} */
export async function get(id, options) {
    return steady(await answer(documentPath(id), options));
}

/** Stops a running document and keeps its record; 409 if it has ended. @returns {Promise<DocumentState>} */
export async function cancel(id, options) {
    return steady(await answer(`${documentPath(id)}/cancel`, { ...options, method: 'POST' }));
}

/** Runs a failed or cancelled document again; 409 if its bytes never came whole. @returns {Promise<DocumentState>} */
export async function retry(id, options) {
    return steady(await answer(`${documentPath(id)}/retry`, { ...options, method: 'POST' }));
}

/** Deletes a document and all that was made of it, stopping it first. @returns {Promise<void>} */
export async function remove(id, options) {
    await request(documentPath(id), { ...options, method: 'DELETE' });
}

/**
 * The chunks of a complete document, in order; with `limit`, the first few, and no more is read than they need.
 * @param {string} id
 * @param {{baseURL?: string, limit?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<{index: number, page_start: number, page_end: number, text: string, embedding: number[]}[]>}
 */
export async function result(id, { baseURL, limit = Infinity, signal } = {}) {
    const headers = { Accept: 'application/x-ndjson' };
    const withinMilliseconds = Infinity; // A result takes the time it takes.
    const response = await request(`${documentPath(id)}/result`, { baseURL, signal, headers, withinMilliseconds });
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

// Sending.

function create({ baseURL, name, size, contentType, metadata, signal }) {
    // The key makes the request safe to repeat: a reply that was lost does not leave a second document behind.
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': randomKey() };
    const body = JSON.stringify({ name, size, content_type: contentType, ...(metadata && { metadata }) });
    return () => answer('v1/documents', { baseURL, signal, method: 'POST', headers, body });
}

/** Sends the bytes by XMLHttpRequest, which alone reports how far it has come. */
function put(url, { file, contentType, showSent, signal }) {
    return new Promise((resolve, reject) => {
        const call = new XMLHttpRequest();
        const stop = () => call.abort();
        call.open('PUT', url);
        call.setRequestHeader('Content-Type', contentType);
        call.setRequestHeader('Accept', 'application/json');
        call.upload.onprogress = ({ loaded }) => showSent(Math.min(loaded, file.size));
        call.onload = () => {
            const reply = parsed(call.responseText);
            if (call.status >= 200 && call.status < 300 && reply) resolve(reply);
            else reject(refusal(call.status, reply, call.getResponseHeader('Retry-After')));
        };
        call.onerror = () => reject(unreachable());
        call.onabort = () => reject(signal.reason);
        call.onloadend = () => signal?.removeEventListener('abort', stop);
        signal?.addEventListener('abort', stop);
        if (signal?.aborted) reject(signal.reason);
        else call.send(file);
    });
}

/** Repeats `attempt` while it fails for reasons that pass, at most SEND_TRIES_MAX times. */
async function persist(attempt, { signal, onCut }) {
    for (let tries = 0; ; tries += 1) {
        signal?.throwIfAborted();
        try {
            return await attempt();
        } catch (error) {
            const passing = error instanceof HeadwayError && (error.passing || error.code === 'upload_busy');
            if (!passing || tries + 1 >= SEND_TRIES_MAX) throw error;
            onCut?.(error);
            const asked = (error.retryAfterSeconds ?? 0) * 1000;
            await pause(Math.max(asked, growing(tries, SEND_WAIT_MAX_MILLISECONDS)), signal);
        }
    }
}

/** Rejects where the browser cannot read the file: a folder, or a file that is gone or was changed. */
async function openable(file) {
    try {
        await file.slice(0, 1).arrayBuffer();
    } catch (cause) {
        const detail = 'The browser could not open the file: it is a folder, or it was moved or changed.';
        throw new HeadwayError({ code: 'file_unreadable', detail }, { cause });
    }
}

/** Browsers know no type for Markdown and trust the system for the rest; the name knows better. */
function typeOf(name, declared) {
    const ending = /\.([a-z]+)$/i.exec(name)?.[1].toLowerCase();
    const types = {
        pdf: 'application/pdf', md: 'text/markdown', markdown: 'text/markdown', txt: 'text/plain', csv: 'text/csv',
        html: 'text/html', htm: 'text/html', xhtml: 'application/xhtml+xml', epub: 'application/epub+zip',
        odt: 'application/vnd.oasis.opendocument.text',
        docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    };
    return types[ending] ?? (declared || 'application/octet-stream');
}

function randomKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
