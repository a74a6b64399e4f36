/**
 * Headway's browser client: send a document, watch it to its end, look at what came out.
 *
 *     import { upload, watch, result } from 'https://headway.example/headway.js';
 *
 *     const sent = await upload(file, { onState: draw });
 *     const end = await watch(sent.document_id, { onState: draw });
 *     if (end.status === 'complete') console.log(await result(end.document_id, { limit: 3 }));
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

/** @typedef {'websocket'|'sse'|'poll'} Transport */

const HOME = new URL('.', import.meta.url).href;
const TERMINAL = new Set(['complete', 'failed', 'cancelled']);
const LADDER = /** @type {Transport[]} */ (['websocket', 'sse', 'poll']);

const UPLOAD_WEIGHT = 20;
const SEND_TRIES_MAX = 10;
const SEND_WAIT_MAX_MILLISECONDS = 15_000;
const MISSES_MAX = 2;
const FIRST_MESSAGE_MILLISECONDS = 5_000;
const RECONNECT_WAIT_MAX_MILLISECONDS = 5_000;
const SILENCE_MILLISECONDS = 30_000;
const CATCH_UP_MILLISECONDS = 1_000;
const POLL_WAIT_MIN_MILLISECONDS = 500;
const POLL_WAIT_MAX_MILLISECONDS = 2_000;
const ANSWER_MILLISECONDS = 15_000;
const RETRY_AFTER_MAX_SECONDS = 60;
const LOWER_RUNG_MILLISECONDS = 300_000;
const REMEMBERED_DOCUMENTS_MAX = 2_000;

/**
 * What the server refused (its problem+json, RFC 9457), or could not be asked: then `status` is 0 and `code` is
 * `network`. `file_unreadable` means that this browser could not open the file. Decide by `code`, show `detail`.
 */
export class HeadwayError extends Error {
    constructor({ code, detail, status = 0, retryAfterSeconds = null, problem = null }, options) {
        super(detail || code, options);
        this.name = 'HeadwayError';
        /** @type {string} stable, snake_case */
        this.code = code;
        /** @type {string} */
        this.detail = detail;
        /** @type {number} the HTTP status, 0 where there was no reply */
        this.status = status;
        /** @type {?number} how long the server asks to be left alone */
        this.retryAfterSeconds = retryAfterSeconds;
        /** @type {?Object} the whole problem document */
        this.problem = problem;
        /** @type {?string} the document that had been created when an upload failed */
        this.documentId = null;
    }

    /** Whether the same request may succeed later: no reply, too busy, or trouble on the server's side. */
    get passing() {
        return this.code === 'network' || [408, 425, 429].includes(this.status) || this.status >= 500;
    }
}

/** Whether a document in this state has come to its end. */
export function isTerminal(state) {
    return TERMINAL.has(state.status);
}

/** Whether `state` tells something that `than` does not: a later offset, or another epoch. */
export function isNewer(state, than) {
    return !than || state.epoch !== than.epoch || state.offset > than.offset;
}

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
 * Watches a document and resolves with its terminal state. `onState` is called with each newer state, the current
 * one first. By itself it falls back from WebSocket to SSE to polling where a transport does not connect (two tries
 * without a first message in 5 s, though the server answers), and connects again after a loss, with growing waits.
 *
 * `onTransport(transport, phase)` tells which one is in use: `connecting`, `live`, `reconnecting`, then `done`.
 *
 * @param {string} id
 * @param {{baseURL?: string, onState?: (state: DocumentState) => void, transport?: 'auto'|Transport,
 *     onTransport?: (transport: Transport, phase: 'connecting'|'live'|'reconnecting'|'done') => void,
 *     signal?: AbortSignal}} [options]
 * @returns {Promise<DocumentState>}
 * @throws {HeadwayError} status 404 when there is no such document (or no longer), 401 and 403 when not allowed
 */
export async function watch(id, { baseURL, onState, onTransport, signal, transport = 'auto' } = {}) {
    const base = rooted(baseURL);
    const ladder = transport === 'auto' ? LADDER : [transport];
    let rung = transport === 'auto' ? startingRung(base) : 0;
    let misses = 0;
    let tries = 0;
    let last = null;
    let everLive = false;

    /** Hands on a state that is news; says whether the watch is over. */
    const take = (state) => {
        if (state?.document_id && isNewer(state, last)) {
            last = state;
            onState?.(steady(state));
        }
        return last !== null && isTerminal(last);
    };
    /** Asks once, by a plain request; null when the server cannot be reached. */
    const ask = async (stop = signal) => {
        try {
            return await answer(eventsPath(id), { baseURL, signal: stop });
        } catch (error) {
            if (stop?.aborted) throw stop.reason;
            if (error instanceof HeadwayError && !error.passing) throw error;
            return null;
        }
    };

    for (;;) {
        signal?.throwIfAborted();
        const name = ladder[rung];
        const begun = performance.now();
        const connection = new AbortController();
        const stop = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal;
        let heard = false;
        let asked = 0;
        onTransport?.(name, everLive ? 'reconnecting' : 'connecting');

        const deadline = setTimeout(() => heard || connection.abort(), FIRST_MESSAGE_MILLISECONDS);
        const endVigil = vigil({
            // The server's pings cannot be seen from here. So at the moments when a connection may have died unseen,
            // one request asks: if a second later the connection has not told what the reply told, it is dead.
            async suspect() {
                if (name === 'poll' || !heard) return;
                try {
                    const now = await ask(stop);
                    if (!now || !isNewer(now, last)) return;
                    await pause(CATCH_UP_MILLISECONDS, stop);
                    if (!isNewer(now, last)) return;
                    take(now);
                    connection.abort();
                } catch (error) {
                    if (error instanceof HeadwayError) connection.abort();
                }
            },
            // Another network: what was open is gone, and what did not work may work now.
            networkChanged() {
                if (transport === 'auto') rung = 0;
                lowerRungs.clear();
                tries = 0;
                if (ladder[rung] !== 'poll') connection.abort();
            },
        });
        const deliver = (state) => {
            if (!heard) onTransport?.(name, 'live');
            heard = everLive = true;
            return take(state);
        };
        try {
            await transports[name](eventsPath(id), { base, last, deliver, signal: stop });
        } catch (error) {
            if (error instanceof HeadwayError) {
                if (!error.passing) throw error;
                asked = (error.retryAfterSeconds ?? 0) * 1000;
            } else if (!stop.aborted) {
                throw error;
            }
        } finally {
            clearTimeout(deadline);
            endVigil();
        }

        signal?.throwIfAborted();
        if (last && isTerminal(last)) {
            onTransport?.(name, 'done');
            return steady(last);
        }
        if (heard) {
            misses = 0;
            if (performance.now() - begun > RECONNECT_WAIT_MAX_MILLISECONDS) tries = 0;
        } else if (name !== 'poll' && ladder[rung] === name) {
            // Whose fault was it? Only where the server answers a plain request is the transport to blame.
            const now = await ask();
            misses += now ? 1 : 0;
            if (take(now)) {
                onTransport?.(name, 'done');
                return steady(last);
            }
            if (misses >= MISSES_MAX && rung + 1 < ladder.length) {
                rung += 1;
                misses = 0;
                tries = 0;
                lowerRungs.set(base, { rung, until: performance.now() + LOWER_RUNG_MILLISECONDS });
                continue;
            }
        }
        await pause(Math.max(asked, growing(tries, RECONNECT_WAIT_MAX_MILLISECONDS)), signal);
        tries += 1;
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
    const response = await request(`${documentPath(id)}/result`, { baseURL, signal, headers, patient: true });
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

// Transports. Each resolves when its connection is over or `signal` aborts, and calls `deliver` with every state
// (with none, to say only that the server answered); when `deliver` returns true, the watch is over.

const transports = {
    websocket(path, { base, last, deliver, signal }) {
        const url = resuming(path, base, last);
        url.protocol = url.protocol.replace('http', 'ws');
        return new Promise((resolve) => {
            let socket;
            try {
                socket = new WebSocket(url);
            } catch {
                // Forbidden here altogether (a policy, an extension): the same as a connection that fails.
                resolve();
                return;
            }
            const end = () => {
                signal.removeEventListener('abort', end);
                socket.onmessage = null;
                socket.close();
                resolve();
            };
            socket.onmessage = ({ data }) => deliver(parsed(data)) && end();
            socket.onclose = end;
            signal.addEventListener('abort', end);
        });
    },

    // EventSource would reconnect by itself, for ever and without a word; the watch does that, so an error is an end.
    sse(path, { base, last, deliver, signal }) {
        return new Promise((resolve) => {
            const source = new EventSource(resuming(path, base, last));
            const end = () => {
                signal.removeEventListener('abort', end);
                source.close();
                resolve();
            };
            source.onmessage = ({ data }) => deliver(parsed(data)) && end();
            source.onerror = end;
            signal.addEventListener('abort', end);
        });
    },

    async poll(path, { base, last, deliver, signal }) {
        let wait = POLL_WAIT_MIN_MILLISECONDS;
        for (;;) {
            const headers = last ? { 'If-None-Match': `"${last.epoch}-${last.offset}"` } : {};
            const state = await answer(path, { baseURL: base, signal, headers });
            if (deliver(state)) return;
            last = state ?? last;
            wait = state ? POLL_WAIT_MIN_MILLISECONDS : Math.min(POLL_WAIT_MAX_MILLISECONDS, wait * 1.5);
            await pause(wait, signal);
        }
    },
};

/** Bases whose upper transports did not connect, so that a hundred watches do not each find out anew. */
const lowerRungs = new Map();

function startingRung(base) {
    const lower = lowerRungs.get(base);
    return lower && lower.until > performance.now() ? lower.rung : 0;
}

/** Calls `suspect` when a connection may have died unseen, and `networkChanged`; returns what ends the vigil. */
function vigil({ suspect, networkChanged }) {
    const seen = () => document.visibilityState === 'visible' && suspect();
    const timer = setInterval(suspect, SILENCE_MILLISECONDS);
    globalThis.document?.addEventListener('visibilitychange', seen);
    addEventListener('online', networkChanged);
    return () => {
        clearInterval(timer);
        globalThis.document?.removeEventListener('visibilitychange', seen);
        removeEventListener('online', networkChanged);
    };
}

// What is remembered of a document: the highest percentage given out, and whether the server has reported bytes.

const remembered = new Map();

function recall(id) {
    const record = remembered.get(id) ?? { progress: 0, heard: false };
    remembered.delete(id);
    remembered.set(id, record);
    if (remembered.size > REMEMBERED_DOCUMENTS_MAX) remembered.delete(remembered.keys().next().value);
    return record;
}

/** The state with a percentage that is no lower than any that was given out for this document. */
function steady(state) {
    const record = recall(state.document_id);
    if (!state.local && (state.bytes_received > 0 || state.status !== 'uploading')) record.heard = true;
    record.progress = Math.max(record.progress, state.progress ?? 0);
    return record.progress === state.progress ? state : { ...state, progress: record.progress };
}

// Requests.

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

/** One request and its JSON; null for 304. A body that breaks off counts as no answer. */
async function answer(path, options) {
    const response = await request(path, options);
    if (response.status === 304) return null;
    try {
        return await response.json();
    } catch (cause) {
        if (options?.signal?.aborted) throw options.signal.reason;
        throw unreachable(cause);
    }
}

/** One request; anything but success or 304 is thrown. `patient` lets the body take as long as it takes. */
async function request(path, { baseURL, signal, patient = false, headers, ...init } = {}) {
    const signals = [signal, patient ? null : AbortSignal.timeout(ANSWER_MILLISECONDS)].filter(Boolean);
    let response;
    try {
        response = await fetch(new URL(path, rooted(baseURL)), {
            headers: { Accept: 'application/json', ...headers },
            cache: 'no-store',
            signal: AbortSignal.any(signals),
            ...init,
        });
        if (response.ok || response.status === 304) return response;
    } catch (cause) {
        if (signal?.aborted) throw signal.reason;
        throw unreachable(cause);
    }
    const problem = parsed(await response.text().catch(() => ''));
    throw refusal(response.status, problem, response.headers.get('Retry-After'));
}

function refusal(status, problem, retryAfter) {
    const code = problem?.code ?? (status === 404 ? 'not_found' : `http_${status}`);
    const detail = problem?.detail ?? problem?.title ?? `The server answered ${status}.`;
    const seconds = Number.parseInt(retryAfter, 10);
    const retryAfterSeconds = seconds >= 0 ? Math.min(seconds, RETRY_AFTER_MAX_SECONDS) : null;
    return new HeadwayError({ code, detail, status, retryAfterSeconds, problem });
}

function unreachable(cause) {
    return new HeadwayError({ code: 'network', detail: 'The server could not be reached.' }, { cause });
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

// Small things.

/** Browsers know no type for Markdown and trust the system for the rest; the name knows better. */
function typeOf(name, declared) {
    const ending = /\.([a-z]+)$/i.exec(name)?.[1].toLowerCase();
    const types = { pdf: 'application/pdf', md: 'text/markdown', markdown: 'text/markdown', txt: 'text/plain' };
    return types[ending] ?? (declared || 'application/octet-stream');
}

function rooted(baseURL) {
    return baseURL ? new URL(String(baseURL).replace(/\/?$/, '/'), HOME).href : HOME;
}

function documentPath(id) {
    return `v1/documents/${encodeURIComponent(id)}`;
}

function eventsPath(id) {
    return `${documentPath(id)}/events`;
}

/** The URL to watch at, saying what is known already so that the server can go on from there. */
function resuming(path, base, last) {
    const url = new URL(path, base);
    if (last) url.searchParams.set('after', `${last.epoch}-${last.offset}`);
    return url;
}

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}

function randomKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A wait that doubles with each try, half of it chance, so that a crowd does not come back all at once. */
function growing(tries, maxMilliseconds) {
    return Math.min(maxMilliseconds, 250 * 2 ** tries) * (0.5 + Math.random() / 2);
}

/** Waits; ends early when the network comes back or the page is looked at again. */
function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        const page = globalThis.document;
        const seen = () => page.visibilityState === 'visible' && settle(resolve);
        const woken = () => settle(resolve);
        const aborted = () => settle(() => reject(signal.reason));
        const timer = setTimeout(woken, milliseconds);
        function settle(how) {
            clearTimeout(timer);
            removeEventListener('online', woken);
            page?.removeEventListener('visibilitychange', seen);
            signal?.removeEventListener('abort', aborted);
            how();
        }
        if (signal?.aborted) return aborted();
        addEventListener('online', woken);
        page?.addEventListener('visibilitychange', seen);
        signal?.addEventListener('abort', aborted);
    });
}
