// Many documents: watched over one connection that they share.

import { keep, unlessAway } from './connection.js';
import { HeadwayError, answer, eventsPath, pause, rooted, withToken } from './requests.js';
import { heard, isNewer, isTerminal } from './states.js';
import { PollPace, poll, position, socket, stream } from './transports.js';

/** @typedef {import('./headway.js').DocumentState} DocumentState */
/** @typedef {import('./transports.js').Transport} Transport */

const DOCUMENTS_MAX = 100;
const LINGER_MILLISECONDS = 5_000;
const REOPEN_MILLISECONDS = 200;
const NOT_FOUND = { code: 'not_found', detail: 'There is no such document (or no longer).', status: 404 };

/**
 * Many documents over one connection: a WebSocket or an event stream of `/v1/events`, or polling in turn. Where six
 * connections to a host are all that a browser has, a page with a watch for each document would soon have none left.
 *
 *     const list = new Watchlist({ onState: draw });
 *     list.add(sent.document_id);
 *
 * Documents come and go: `add` and `drop` them, or say with `only` which they are from now on. One that reaches its end
 * is told to `onState` and leaves by itself; one that does not exist (or no longer) is told to `onGone`. At most a
 * hundred are followed, those that came first; the next moves up when one leaves. Nothing is connected while the list
 * is empty. `close` ends it for good.
 *
 * `onTransport` is told as by `watch`, for all of them at once, and `idle` when the list has become empty.
 */
export class Watchlist {
    #lines;
    #closing = new AbortController();

    /**
     * @param {{baseURL?: string, token?: string, onState?: (state: DocumentState) => void,
     *     onGone?: (id: string, error: HeadwayError) => void, transport?: 'auto'|Transport,
     *     onTransport?: (transport: Transport, phase: 'connecting'|'live'|'reconnecting'|'idle') => void,
     *     signal?: AbortSignal}} [options]
     */
    constructor({ baseURL, token, onState, onGone, onTransport, signal, transport = 'auto' } = {}) {
        const base = rooted(baseURL);
        this.#lines = new Lines({ base, token, onState, onGone });
        const until = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
        keep(this.#lines, { base, transport, onTransport, signal: until }).catch((error) => {
            if (!until.aborted) throw error;
        });
    }

    /** The documents on the list, in the order they came. @returns {string[]} */
    get ids() {
        return this.#lines.ids;
    }

    has(id) {
        return this.#lines.has(id);
    }

    add(id) {
        this.#lines.change({ add: [id] });
    }

    drop(id) {
        this.#lines.change({ drop: [id] });
    }

    /** From now on these documents and no others. */
    only(ids) {
        const wanted = new Set(ids);
        this.#lines.change({ add: wanted, drop: this.ids.filter((id) => !wanted.has(id)) });
    }

    close() {
        this.#closing.abort(new DOMException('The watchlist was closed.', 'AbortError'));
    }
}

/**
 * Watches documents over one connection and resolves when the last of them has ended: with a map from each id to its
 * terminal state, or to the error that says why there is none. Options as for `Watchlist`.
 * @param {string[]} ids
 * @returns {Promise<Map<string, DocumentState|HeadwayError>>}
 */
export function watchMany(ids, { onState, onGone, signal, ...options } = {}) {
    return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const open = new Set(ids);
        const ends = new Map();
        const end = (id, how) => {
            if (open.delete(id)) ends.set(id, how);
            if (open.size) return;
            list.close();
            resolve(ends);
        };
        const list = new Watchlist({
            ...options,
            signal,
            onState(state) {
                onState?.(state);
                if (isTerminal(state)) end(state.document_id, state);
            },
            onGone(id, error) {
                onGone?.(id, error);
                end(id, error);
            },
        });
        signal?.addEventListener('abort', () => reject(signal.reason));
        list.only(open);
        if (!open.size) end();
    });
}

// What is connected.

class Lines {
    isOver = false;
    #base;
    #token;
    #onState;
    #onGone;
    // Each place is an object of its own: a document that left and came back is not taken for the one that left.
    #places = new Map();
    #listeners = new Set();
    #isTelling = false;
    #streamed = { path: null, eventId: null };

    constructor({ base, token, onState, onGone }) {
        this.#base = base;
        this.#token = token;
        this.#onState = onState;
        this.#onGone = onGone;
    }

    get ids() {
        return [...this.#places.keys()];
    }

    get followed() {
        return this.ids.slice(0, DOCUMENTS_MAX);
    }

    get isIdle() {
        return this.#places.size === 0;
    }

    has(id) {
        return this.#places.has(id);
    }

    change({ add = [], drop = [] }) {
        let isChanged = false;
        for (const id of drop) isChanged = this.#places.delete(id) || isChanged;
        for (const id of add) {
            if (this.has(id)) continue;
            this.#places.set(id, { last: null });
            isChanged = true;
        }
        if (isChanged) this.#changed();
    }

    isNews(state) {
        const place = this.#places.get(state.document_id);
        return place !== undefined && isNewer(state, place.last);
    }

    take(state) {
        const place = this.#places.get(state.document_id);
        if (!place || !isNewer(state, place.last)) return;
        place.last = state;
        if (isTerminal(state)) this.change({ drop: [state.document_id] });
        this.#onState?.(heard(state));
    }

    /** Resolves once there is a document to watch. */
    ready(signal) {
        return new Promise((resolve, reject) => {
            const settle = (how) => {
                stopListening();
                signal.removeEventListener('abort', aborted);
                how();
            };
            const look = () => this.isIdle || settle(resolve);
            const aborted = () => settle(() => reject(signal.reason));
            const stopListening = this.#listen(look);
            signal.addEventListener('abort', aborted);
            if (signal.aborted) aborted();
            else look();
        });
    }

    /** The states by a plain request; null when the server cannot be reached. */
    ask(signal) {
        return unlessAway(() => this.#states(this.followed, signal), signal);
    }

    /** One request for all; documents that are not there leave the list. */
    async #states(ids, signal) {
        let documents;
        try {
            ({ documents } = await answer(this.#path(ids), { baseURL: this.#base, token: this.#token, signal }));
        } catch (error) {
            ids.forEach((id) => this.#refused(id, error));
            return [];
        }
        const present = new Set(documents.map((state) => state.document_id));
        ids.filter((id) => !present.has(id)).forEach((id) => this.#refused(id, new HeadwayError(NOT_FOUND)));
        return documents;
    }

    async connect(transport, { heard, signal }) {
        const idle = new AbortController();
        let timer = null;
        const stopListening = this.#listen(() => {
            clearTimeout(timer);
            if (this.isIdle) timer = setTimeout(() => idle.abort(), LINGER_MILLISECONDS);
        });
        const take = (message) => {
            heard();
            this.#receive(message);
        };
        const until = AbortSignal.any([signal, idle.signal]);
        try {
            if (transport === 'websocket') await this.#connectSocket(take, until);
            else if (transport === 'sse') await this.#connectStream(take, until);
            else await this.#poll(heard, until);
        } finally {
            clearTimeout(timer);
            stopListening();
        }
    }

    async #connectSocket(take, signal) {
        const told = new Map();
        let stopListening = null;
        const opened = (send) => {
            const tell = () => {
                const followed = this.followed;
                const left = [...told.keys()].filter((id) => told.get(id) !== this.#places.get(id));
                left.forEach((id) => told.delete(id));
                const fresh = followed.filter((id) => !told.has(id));
                fresh.forEach((id) => told.set(id, this.#places.get(id)));
                if (left.length) send({ unsubscribe: left });
                if (fresh.length) send({ subscribe: fresh.map((id) => this.#wish(id)) });
            };
            stopListening = this.#listen(tell);
            tell();
        };
        await socket(withToken(new URL('v1/events', this.#base), this.#token), { opened, take, signal });
        stopListening?.();
    }

    #wish(id) {
        const { last } = this.#places.get(id);
        return last ? { id, after: position(last) } : id;
    }

    /**
     * A stream is for the documents its URL names; when others have come, another takes its place. It ends when all of
     * its documents have. An event's id says where the reader is in all of them, so it is good for the same URL alone.
     */
    async #connectStream(take, signal) {
        for (;;) {
            const named = new Map(this.followed.map((id) => [id, this.#places.get(id)]));
            if (!named.size) return;
            const path = this.#path([...named.keys()]);
            const url = withToken(new URL(path, this.#base), this.#token);
            if (this.#streamed.path === path) url.searchParams.set('after', this.#streamed.eventId);
            const isNamed = (id) => named.get(id) === this.#places.get(id);
            const others = new AbortController();
            let timer = null;
            const stopListening = this.#listen(() => {
                if (timer || this.followed.every(isNamed)) return;
                timer = setTimeout(() => others.abort(), REOPEN_MILLISECONDS);
            });
            await stream(url, {
                take: (message, eventId) => {
                    if (eventId) this.#streamed = { path, eventId };
                    take(message);
                },
                signal: AbortSignal.any([signal, others.signal]),
            });
            clearTimeout(timer);
            stopListening();
            const isThrough = ![...named.keys()].some(isNamed);
            if (isThrough) this.#streamed = { path: null, eventId: null };
            if (signal.aborted || !(others.signal.aborted || isThrough)) return;
        }
    }

    /** All by one question after another; a document that is alone is waited for. */
    async #poll(heard, signal) {
        const pace = new PollPace();
        // The first question is not to be held: its answer says that the connection stands.
        for (let patient = false; !this.isIdle; patient = true) {
            const change = new AbortController();
            const stopListening = this.#listen(() => change.abort());
            const until = AbortSignal.any([signal, change.signal]);
            try {
                const { states, held } = await this.#question(patient, until);
                heard();
                const news = states.filter((state) => this.isNews(state));
                news.forEach((state) => this.take(state));
                await pause(pace.next({ isNews: news.length > 0, held }), until);
            } catch (error) {
                signal.throwIfAborted();
                if (!change.signal.aborted) throw error;
            } finally {
                stopListening();
            }
        }
    }

    async #question(patient, signal) {
        const ids = this.followed;
        if (ids.length > 1) return { states: await this.#states(ids, signal), held: false };
        const [id] = ids;
        const { last } = this.#places.get(id);
        try {
            const how = { base: this.#base, token: this.#token, last, patient, signal };
            const { state, held } = await poll(eventsPath(id), how);
            return { states: state ? [state] : [], held };
        } catch (error) {
            this.#refused(id, error);
            return { states: [], held: false };
        }
    }

    /** A refusal is the end of that document's watch; anything else is thrown on. */
    #refused(id, error) {
        if (!(error instanceof HeadwayError) || error.passing) throw error;
        if (!this.has(id)) return;
        this.change({ drop: [id] });
        this.#onGone?.(id, error);
    }

    #receive(message) {
        const { document_id: id, status, error } = message ?? {};
        if (id && status) this.take(message);
        else if (id && error) {
            this.#refused(id, new HeadwayError({ ...error, status: error.code === 'not_found' ? 404 : 0 }));
        }
    }

    #path(ids) {
        return `v1/events?${new URLSearchParams(ids.map((id) => ['document', id]))}`;
    }

    #listen(listener) {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
    }

    /** Tells listeners once, however much has changed in this turn. */
    #changed() {
        if (this.#isTelling) return;
        this.#isTelling = true;
        queueMicrotask(() => {
            this.#isTelling = false;
            for (const listener of [...this.#listeners]) listener();
        });
    }
}
