// Keeping a connection: which transport, when to connect again, how to find a connection that died unseen.
//
// What is kept is a line: `watch.js` has the one for a document, `watchlist.js` the one for many. A line says what is
// connected (`connect`), how to ask by plain requests (`ask`), what is news (`isNews`, `take`), and when it is over; it
// knows nothing of retries. `keep` knows nothing of documents.

import { HeadwayError, growing, heeded, pause } from './requests.js';
import { LADDER } from './transports.js';

const MISSES_MAX = 2;
const FIRST_MESSAGE_MILLISECONDS = 5_000;
const RECONNECT_WAIT_MAX_MILLISECONDS = 5_000;
const SILENCE_MILLISECONDS = 30_000;
const CATCH_UP_MILLISECONDS = 1_000;
const LOWER_RUNG_MILLISECONDS = 300_000;

/** Keeps the line connected until it is over. Rejects when `signal` aborts, or for a refusal that will not pass. */
export async function keep(line, { base, transport, onTransport, signal }) {
    const ladder = transport === 'auto' ? LADDER : [transport];
    let rung = transport === 'auto' ? startingRung(base) : 0;
    let misses = 0;
    let tries = 0;
    let everLive = false;

    for (;;) {
        await line.ready?.(signal);
        signal?.throwIfAborted();
        const name = ladder[rung];
        const begun = performance.now();
        const connection = new AbortController();
        const stop = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal;
        let isHeard = false;
        let asked = 0;
        onTransport?.(name, everLive ? 'reconnecting' : 'connecting');

        const deadline = setTimeout(() => isHeard || connection.abort(), FIRST_MESSAGE_MILLISECONDS);
        const endVigil = vigil({
            // The server's pings cannot be seen from here. So at the moments when a connection may have died unseen,
            // a request asks: if a second later the connection has not told what the reply told, it is dead.
            async suspect() {
                if (name === 'poll' || !isHeard) return;
                try {
                    const news = (await line.ask(stop))?.filter((state) => line.isNews(state));
                    if (!news?.length) return;
                    await pause(CATCH_UP_MILLISECONDS, stop);
                    const missed = news.filter((state) => line.isNews(state));
                    missed.forEach((state) => line.take(state));
                    if (missed.length) connection.abort();
                } catch (error) {
                    if (error instanceof HeadwayError) connection.abort();
                }
            },
            // Another network: what was open is gone, and what did not work may work now.
            networkChanged() {
                if (transport === 'auto') rung = 0;
                lowerRungs.clear();
                tries = 0;
                connection.abort();
            },
        });
        const heard = () => {
            if (!isHeard) onTransport?.(name, 'live');
            isHeard = everLive = true;
        };
        try {
            await line.connect(name, { heard, signal: stop });
        } catch (error) {
            if (error instanceof HeadwayError) {
                if (!error.passing) throw error;
                asked = heeded(error);
            } else if (!stop.aborted) {
                throw error;
            }
        } finally {
            clearTimeout(deadline);
            endVigil();
        }

        signal?.throwIfAborted();
        if (line.isOver) return onTransport?.(name, 'done');
        if (line.isIdle) {
            // The next document begins anew, from the top if that may work by now.
            onTransport?.(name, 'idle');
            if (transport === 'auto') rung = startingRung(base);
            misses = 0;
            tries = 0;
            everLive = false;
            continue;
        }
        if (isHeard) {
            misses = 0;
            if (performance.now() - begun > RECONNECT_WAIT_MAX_MILLISECONDS) tries = 0;
        } else if (name !== 'poll' && ladder[rung] === name) {
            // Whose fault was it? Only where the server answers a plain request is the transport to blame.
            const states = await line.ask(signal);
            misses += states ? 1 : 0;
            states?.forEach((state) => line.take(state));
            if (line.isOver) return onTransport?.(name, 'done');
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

/** What a plain request answers; null when the server could not be reached. A refusal is thrown. */
export async function unlessAway(request, signal) {
    try {
        return await request();
    } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error instanceof HeadwayError && !error.passing) throw error;
        return null;
    }
}
