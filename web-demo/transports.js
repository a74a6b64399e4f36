// The ways news can come, without a thought for what it is: a socket, a stream of events, a question asked again.
// The first two resolve when their connection is over or `signal` aborts, and hand every message to `take`, parsed
// (null where it is no JSON), a stream's with its event id; when that returns true, nobody wants more.

import { parsed, request } from './requests.js';

/** @typedef {'websocket'|'sse'|'poll'} Transport */

/** In the order of preference. */
export const LADDER = /** @type {Transport[]} */ (['websocket', 'sse', 'poll']);

const POLL_WAIT_MIN_MILLISECONDS = 500;
const POLL_WAIT_MAX_MILLISECONDS = 2_000;
const HELD_GAP_MILLISECONDS = 250;
const HOLD_SECONDS = 25;
const HELD_MILLISECONDS = 1_000;
const ANSWER_AFTER_HOLD_MILLISECONDS = (HOLD_SECONDS + 15) * 1_000;

/** A WebSocket. `opened(send)` is called when it stands; what `send` is given goes out as JSON. */
export function socket(url, { opened, take, signal }) {
    const address = new URL(url);
    address.protocol = address.protocol.replace('http', 'ws');
    return new Promise((resolve) => {
        let socket;
        try {
            socket = new WebSocket(address);
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
        socket.onopen = () => opened?.((message) => socket.send(JSON.stringify(message)));
        socket.onmessage = ({ data }) => take(parsed(data)) && end();
        socket.onclose = end;
        if (signal.aborted) end();
        else signal.addEventListener('abort', end);
    });
}

/** EventSource would reconnect by itself, for ever and without a word; here an error is an end. */
export function stream(url, { take, signal }) {
    return new Promise((resolve) => {
        const source = new EventSource(url);
        const end = () => {
            signal.removeEventListener('abort', end);
            source.close();
            resolve();
        };
        source.onmessage = ({ data, lastEventId }) => take(parsed(data), lastEventId) && end();
        source.onerror = end;
        if (signal.aborted) end();
        else signal.addEventListener('abort', end);
    });
}

/**
 * Asks for a state; null when it is still `last`. `patient` lets the server keep the question until there is an answer
 * (RFC 7240 §4.3, `wait`); `held` says whether it did, null where that cannot be told.
 */
export async function poll(path, { base, token, last, patient, signal }) {
    const begun = performance.now();
    const asksToHold = patient && last;
    const response = await request(path, {
        baseURL: base,
        token,
        signal,
        headers: {
            ...(last && { 'If-None-Match': `"${position(last)}"` }),
            ...(asksToHold && { Prefer: `wait=${HOLD_SECONDS}` }),
        },
        withinMilliseconds: asksToHold ? ANSWER_AFTER_HOLD_MILLISECONDS : undefined,
    });
    const isUnchanged = response.status === 304;
    const tookItsTime = performance.now() - begun > HELD_MILLISECONDS;
    const isApplied = /\bwait\b/.test(response.headers.get('Preference-Applied') ?? '');
    // "Unchanged" at once means: do not wait here. An older server says so, and one that is about to go.
    const held = !asksToHold ? null : tookItsTime || (isUnchanged ? false : isApplied || null);
    return { state: isUnchanged ? null : parsed(await response.text()), held };
}

/** How long to rest between two questions: hardly where the server holds them, else longer while nothing happens. */
export class PollPace {
    #held = false;
    #wait = POLL_WAIT_MIN_MILLISECONDS;

    /** Takes what an answer told; returns the milliseconds until the next question. */
    next({ isNews, held }) {
        this.#held = held ?? this.#held;
        if (this.#held) return isNews ? HELD_GAP_MILLISECONDS : 0;
        this.#wait = isNews ? POLL_WAIT_MIN_MILLISECONDS : Math.min(POLL_WAIT_MAX_MILLISECONDS, this.#wait * 1.5);
        return this.#wait;
    }
}

/** A state's place among its document's events, as `?after=`, an event's id and an entity tag have it. */
export function position({ epoch, offset }) {
    return `${epoch}-${offset}`;
}
