// One file on its way: made known to the server, sent, paused, gone on with where the server has it.
//
// The rules. The document is made first, so its bytes have an address (`links.upload`) and outlive any request. Before
// anything is sent again, the server is asked how much it has; what it has is never sent twice. Whatever passes (a lost
// connection, a server that is full or restarts) is waited for, whatever does not is the end, and the document itself
// says how it ended. Between two requests the upload may be paused; while it waits it holds nothing on the server but
// the bytes that are there.

import { openable, typeOf } from './chosen.js';
import { HeadwayError, answer, documentPath, growing, pause as rest, rooted } from './requests.js';
import { forget, hold, isHeldElsewhere, isSameFile, keepUpload, keptUploads, letGo, whenTaken } from './kept.js';
import { isTerminal, recall, steady } from './states.js';
import { append, standing } from './tus.js';

/** @typedef {import('./headway.js').DocumentState} DocumentState */

const UPLOAD_WEIGHT = 20;
// What leaves the browser first fills the machine's own buffers, megabytes of them. A watch tells the truth soon.
const LOCAL_AFTER_MILLISECONDS = 1_500;
const RETRY_WAIT_MAX_MILLISECONDS = 15_000;
const RETRY_AFTER_MAX_MILLISECONDS = 600_000;
// As long as the server by default keeps an upload to which nothing is added.
const PATIENCE_MILLISECONDS = 86_400_000;
const PAUSED = new DOMException('The upload was paused.', 'AbortError');
const TAKEN = { code: 'superseded', detail: 'Another window, or another program, goes on with this upload.' };
const OUT_OF_STEP = { code: 'upload_busy', detail: 'The server has more, or less, than was thought.', status: 423 };
const CANCELLED = { code: 'cancelled', detail: 'The upload was cancelled.' };

/** The documents whose bytes this window sends: the same file, chosen twice, is two uploads. */
const sending = new Set();

/**
 * An upload under way. Await it (or `finished`) for the state at the last byte; processing goes on after that.
 *
 * `onProgress` is called with the upload whenever its `phase` or its figures have changed. Phases:
 * `starting` (the document is made, or found again), `sending`, `paused`, `retrying` (because of `error`, at
 * `retryAt`), then `sent` or `stopped`.
 */
export class Upload {
    /** @type {'starting'|'sending'|'paused'|'retrying'|'sent'|'stopped'} */
    phase = 'starting';
    /** @type {?HeadwayError} what it waits for while `retrying`, or why it was `stopped` */
    error = null;
    /** @type {?number} when the next try is made, Unix milliseconds; null while one is under way */
    retryAt = null;
    /** @type {?DocumentState} the newest this upload has been told; a `watch` of the document knows more */
    state = null;
    /** @type {number} bytes that have left this browser, or that the server had before */
    bytesSent = 0;
    /** @type {Promise<DocumentState>} */
    finished;
    #file;
    #options;
    #how; // baseURL and token, for requests
    #key = randomKey();
    #url = null;
    #isNew = false;
    #arrived = 0;
    #sendingSince = 0;
    #beginning = null;
    #attempt = new AbortController();
    #resumed = null; // { promise, resolve } while paused
    #ending = null; // { reason } once it is to stop
    #isOver = false;
    #trouble = { since: null, tries: 0, notBefore: 0 };

    /** Begin one with `upload`. */
    constructor(file, { baseURL, token, ...options } = {}) {
        this.#file = file;
        this.#how = { baseURL, token };
        const { name = file.name || 'document' } = options;
        this.#options = { remember: true, patienceMilliseconds: PATIENCE_MILLISECONDS, ...options, name };
        this.finished = this.#run();
    }

    then(...handlers) {
        return this.finished.then(...handlers);
    }

    catch(handler) {
        return this.finished.catch(handler);
    }

    /** The document's; null until there is one. @returns {?string} */
    get id() {
        return this.state?.document_id ?? null;
    }

    get bytesTotal() {
        return this.#file.size;
    }

    /** 0–100 over everything, processing included; never less than any percentage given out for the document. */
    get progress() {
        return this.id ? recall(this.id).progress : 0;
    }

    /** Stops sending; what the server has stays there. */
    pause() {
        if (this.#isOver || this.#resumed) return;
        this.#resumed = deferred();
        this.#trouble.since = null; // The time of a pause is nobody's trouble.
        this.#attempt.abort(PAUSED);
        this.#become('paused');
    }

    /** Goes on behind what the server has. */
    resume() {
        const resumed = this.#resumed;
        if (!resumed) return;
        this.#resumed = null;
        this.#become(this.error ? 'retrying' : this.id ? 'sending' : 'starting');
        resumed.resolve();
    }

    /**
     * Stops sending and cancels the document on the server; resolves with its state, null where there was none yet.
     * `finished` then rejects with the code `cancelled`. Where the server cannot be asked, this rejects, and the upload
     * stays paused.
     */
    async cancel() {
        this.pause();
        await this.#beginning?.catch(() => {});
        if (this.id) {
            this.#told(await answer(`${documentPath(this.id)}/cancel`, { ...this.#how, method: 'POST' }));
            forget(this.id);
        }
        this.#stop(new HeadwayError(CANCELLED));
        this.finished.catch(() => {}); // Who cancels need not ask how it ended.
        return this.state;
    }

    // The course of it.

    async #run() {
        const { signal } = this.#options;
        const aborted = () => this.#stop(signal.reason);
        let stopListening = null;
        try {
            // A caller has the upload in hand before it is told of anything.
            await null;
            signal?.addEventListener('abort', aborted);
            if (signal?.aborted) aborted();
            await openable(this.#file);
            await this.#until(() => (this.#beginning = this.#begin()));
            stopListening = whenTaken(this.id, () => this.#stop(new HeadwayError(TAKEN)));
            const state = isWhole(this.state) ? this.state : await this.#until(() => this.#send());
            this.#told(state);
            this.#end('sent', null);
            return steady(state);
        } catch (error) {
            if (error instanceof HeadwayError) error.documentId = this.id;
            this.#end('stopped', error);
            throw error;
        } finally {
            stopListening?.();
            signal?.removeEventListener('abort', aborted);
        }
    }

    #stop(reason) {
        this.#ending ??= { reason };
        this.#attempt.abort(reason);
        this.resume();
    }

    /** Repeats `step` until it resolves with something, through pauses and whatever passes. */
    async #until(step) {
        for (;;) {
            await this.#resumed?.promise;
            if (this.#ending) throw this.#ending.reason;
            const { signal } = (this.#attempt = new AbortController());
            try {
                const asked = this.#trouble.notBefore - Date.now();
                if (asked > 0) await this.#wait(asked, true);
                const done = await step();
                if (done) return done;
            } catch (error) {
                if (!signal.aborted) await this.#recover(error);
            }
        }
    }

    /** Waits, and longer each time, where an error passes; throws it where it does not. */
    async #recover(error) {
        if (!(error instanceof HeadwayError)) throw error;
        await openable(this.#file);
        const now = Date.now();
        const asked = (error.retryAfterSeconds ?? 0) * 1000;
        this.#trouble.since ??= now;
        const isTooLong = now - this.#trouble.since >= this.#options.patienceMilliseconds;
        if (!error.passing || asked > RETRY_AFTER_MAX_MILLISECONDS || isTooLong) throw error;
        this.error = error;
        this.#trouble.notBefore = now + asked;
        const wait = Math.max(asked, growing(this.#trouble.tries, RETRY_WAIT_MAX_MILLISECONDS));
        this.#trouble.tries += 1;
        await this.#wait(wait, asked > 0).catch((reason) => {
            if (!this.#attempt.signal.aborted) throw reason;
        });
    }

    async #wait(milliseconds, patient) {
        this.retryAt = Date.now() + milliseconds;
        this.#become('retrying');
        await rest(milliseconds, this.#attempt.signal, { patient });
        this.retryAt = null;
        this.#become('retrying');
    }

    #settle() {
        this.#trouble = { since: null, tries: 0, notBefore: 0 };
    }

    /** Finds the document that waits for the rest of this file, or makes one. */
    async #begin() {
        if (!this.error) this.#become('starting');
        const found = await this.#remembered();
        const { id, url, state } = found ?? (await this.#created());
        sending.add(id);
        this.#url = new URL(url, rooted(this.#how.baseURL)).href;
        this.#isNew = found === null;
        this.#arrived = this.bytesSent = state.bytes_received ?? 0;
        this.#settle();
        this.error = null;
        this.#told(state);
        return true;
    }

    async #remembered() {
        if (!this.#options.remember) return null;
        const { id = null } = this.#options;
        const isOurs = (kept) => isSameFile(kept, this.#file) && !sending.has(kept.id) && (!id || kept.id === id);
        for (const kept of keptUploads(rooted(this.#how.baseURL)).filter(isOurs)) {
            const { id, url } = kept;
            // From before it is asked for: the same file may have been chosen twice.
            sending.add(id);
            try {
                const state = await this.#ask(id);
                // One that is over for any reason but its last byte is begun anew.
                if (state && (state.status === 'uploading' || isWhole(state))) {
                    hold(id);
                    return { id, url, state };
                }
            } catch (error) {
                sending.delete(id);
                throw error;
            }
            sending.delete(id);
            forget(id);
        }
        return null;
    }

    async #created() {
        const { name, metadata, pipeline, priority, password, remember } = this.#options;
        const { size, lastModified, type } = this.#file;
        // The key makes the request safe to repeat: a reply that was lost does not leave a second document behind.
        const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': this.#key };
        // What is undefined is left out.
        const wishes = { metadata: metadata ?? undefined, pipeline, priority, password };
        const body = JSON.stringify({ name, size, content_type: typeOf(name, type), ...wishes });
        // A pause does not end it: the answer says where the document is.
        const { signal } = this.#options;
        const state = await answer('v1/documents', { ...this.#how, method: 'POST', headers, body, signal });
        const { document_id: id, links } = state;
        if (remember && this.#file.name) {
            const base = rooted(this.#how.baseURL);
            const { name: chosen } = this.#file;
            const begun = Date.now();
            keepUpload({ id, url: links.upload, base, name: chosen, size, lastModified, begun });
        }
        return { id, url: links.upload, state };
    }

    /** Sends what the server has not; resolves with the document's state when it has all, else with null. */
    async #send() {
        const { signal } = this.#attempt;
        const how = { ...this.#how, signal };
        if (isHeldElsewhere(this.id)) throw new HeadwayError(TAKEN);
        if (!this.error) this.#become('sending');
        try {
            let at = this.#isNew ? { offset: 0, isWhole: false } : await standing(this.#url, how);
            this.#isNew = false;
            this.#stands(at.offset);
            if (!at.isWhole) {
                this.error = null;
                this.#become('sending');
                this.#sendingSince = Date.now();
                const onSent = (count) => this.#showSent(count);
                const isAlive = this.#watchdog(signal);
                at = await append(this.#url, this.#file, at.offset, { ...how, onSent, isAlive });
                this.#stands(at.offset);
            }
            return at.isWhole ? await answer(documentPath(this.id), how) : null;
        } catch (error) {
            signal.throwIfAborted();
            throw await this.#judged(error, signal);
        }
    }

    /** What a refusal means is told by the document itself. */
    async #judged(error, signal) {
        if (!(error instanceof HeadwayError) || error.passing) return error;
        if (error.code === 'superseded') return new HeadwayError(TAKEN);
        const state = await this.#ask(this.id, signal);
        if (!state) return error;
        if (isTerminal(state)) {
            this.#told(state);
            return new HeadwayError(state.error ?? CANCELLED);
        }
        // The offset was another by then, or the answer to the last byte was lost: it is asked for again.
        return error.status === 409 || isWhole(state) ? new HeadwayError(OUT_OF_STEP) : error;
    }

    /** The document's state; null where there is none. */
    async #ask(id, signal) {
        try {
            return await answer(documentPath(id), { ...this.#how, signal });
        } catch (error) {
            if (error.status === 404) return null;
            throw error;
        }
    }

    /** Whether the server has received anything since it was asked before, though nothing seemed to leave. */
    #watchdog(signal) {
        let before = -1;
        return async () => {
            const { bytes_received: received } = await answer(documentPath(this.id), { ...this.#how, signal });
            const isAlive = received > before;
            before = received;
            return isAlive;
        };
    }

    // What is told.

    #stands(offset) {
        // Bytes that have arrived show that the server takes them, whatever happened in between.
        if (offset > this.#arrived) this.#settle();
        this.#arrived = offset;
        this.bytesSent = offset;
    }

    #told(state) {
        this.state = state;
        this.#options.onState?.(steady(state));
        this.#options.onProgress?.(this);
    }

    /** Unless the server soon reports bytes, to whoever watches, the percentage is that of the bytes that have left. */
    #showSent(count) {
        this.#trouble.since = null;
        this.bytesSent = Math.min(count, this.#file.size);
        const isUnheard = Date.now() - this.#sendingSince > LOCAL_AFTER_MILLISECONDS && !recall(this.id).heard;
        if (this.#file.size && isUnheard) {
            const progress = (UPLOAD_WEIGHT * this.bytesSent) / this.#file.size;
            const state = { ...this.state, bytes_received: this.bytesSent, progress, local: true };
            this.#options.onState?.(steady(state));
        }
        this.#options.onProgress?.(this);
    }

    #become(phase) {
        this.phase = this.#resumed && !this.#isOver ? 'paused' : phase;
        if (this.phase !== 'retrying') this.retryAt = null;
        this.#options.onProgress?.(this);
    }

    #end(phase, error) {
        this.#isOver = true;
        sending.delete(this.id);
        const isDone = phase === 'sent' || (this.state && isTerminal(this.state)) || error.status === 404;
        if (this.id && isDone) forget(this.id);
        else if (this.id) letGo(this.id);
        this.error = error;
        this.#become(phase);
    }
}

if (globalThis.document) {
    // Whoever loads the page again may go on at once.
    addEventListener('pagehide', () => sending.forEach(letGo));
    addEventListener('pageshow', () => sending.forEach((id) => isHeldElsewhere(id) || hold(id)));
}

function isWhole(state) {
    return ['queued', 'processing', 'complete'].includes(state.status);
}

function deferred() {
    let resolve;
    const promise = new Promise((settle) => (resolve = settle));
    return { promise, resolve };
}

function randomKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
