// One document: watched over one connection after another, to its end.

import { keep, unlessAway } from './connection.js';
import { answer, eventsPath, pause, rooted, withToken } from './requests.js';
import { heard, isNewer, isTerminal, steady } from './states.js';
import { PollPace, poll, position, socket, stream } from './transports.js';

/** @typedef {import('./headway.js').DocumentState} DocumentState */
/** @typedef {import('./headway.js').HeadwayError} HeadwayError */
/** @typedef {import('./transports.js').Transport} Transport */

/**
 * Watches a document and resolves with its terminal state. `onState` is called with each newer state, the current
 * one first. With `transport: 'auto'` it falls back from WebSocket to SSE to polling where a transport does not connect
 * (two tries without a first message in 5 s, though the server answers). Whatever the transport, it connects again
 * after a loss, with growing waits, and goes on behind the last state it has seen.
 *
 * `onTransport(transport, phase)` tells which one is in use: `connecting`, `live`, `reconnecting`, then `done`.
 *
 * @param {string} id
 * @param {{baseURL?: string, token?: string, onState?: (state: DocumentState) => void, transport?: 'auto'|Transport,
 *     onTransport?: (transport: Transport, phase: 'connecting'|'live'|'reconnecting'|'done') => void,
 *     signal?: AbortSignal}} [options]
 * @returns {Promise<DocumentState>}
 * @throws {HeadwayError} status 404 when there is no such document (or no longer), 401 and 403 when not allowed
 */
export async function watch(id, { baseURL, token, onState, onTransport, signal, transport = 'auto' } = {}) {
    const base = rooted(baseURL);
    const line = new Line(id, base, token, onState);
    await keep(line, { base, transport, onTransport, signal });
    return steady(line.last);
}

class Line {
    last = null;
    #id;
    #base;
    #token;
    #onState;

    constructor(id, base, token, onState) {
        this.#id = id;
        this.#base = base;
        this.#token = token;
        this.#onState = onState;
    }

    get isOver() {
        return this.last !== null && isTerminal(this.last);
    }

    isNews(state) {
        return isNewer(state, this.last);
    }

    /** Hands on a state that is news; says whether the watch is over. */
    take(state) {
        if (state?.document_id && this.isNews(state)) {
            this.last = state;
            this.#onState?.(heard(state));
        }
        return this.isOver;
    }

    /** The state by a plain request; null when the server cannot be reached. */
    async ask(signal) {
        const options = { baseURL: this.#base, token: this.#token, signal };
        const state = await unlessAway(() => answer(eventsPath(this.#id), options), signal);
        return state && [state];
    }

    async connect(transport, { heard: alive, signal }) {
        const take = (state) => {
            alive();
            return this.take(state);
        };
        if (transport === 'websocket') return socket(this.#url, { take, signal });
        if (transport === 'sse') return stream(this.#url, { take, signal });
        const pace = new PollPace();
        // The first question is not to be held: its answer says that the connection stands.
        for (let patient = false; ; patient = true) {
            const how = { base: this.#base, token: this.#token, last: this.last, patient, signal };
            const { state, held } = await poll(eventsPath(this.#id), how);
            if (take(state)) return;
            await pause(pace.next({ isNews: state !== null, held }), signal);
        }
    }

    /** Where to watch, saying what is known already so that the server can go on from there. */
    get #url() {
        const url = withToken(new URL(eventsPath(this.#id), this.#base), this.#token);
        if (this.last) url.searchParams.set('after', position(this.last));
        return url;
    }
}
