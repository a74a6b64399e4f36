// How the client asks: one request and its answer, what a refusal is, and the waits between tries.

const HOME = new URL('.', import.meta.url).href;
const TRY_WAIT_MIN_MILLISECONDS = 250;
const ANSWER_MILLISECONDS = 15_000;
const RETRY_AFTER_MAX_SECONDS = 86_400;
const HEEDED_MAX_MILLISECONDS = 60_000;

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
        return this.code === 'network' || [408, 423, 425, 429].includes(this.status) || this.status >= 500;
    }
}

/** One request and its JSON; null for 304. A body that breaks off counts as no answer. */
export async function answer(path, options) {
    const response = await request(path, options);
    if (response.status === 304) return null;
    try {
        return await response.json();
    } catch (cause) {
        if (options?.signal?.aborted) throw options.signal.reason;
        throw unreachable(cause);
    }
}

/** One request; anything but success or 304 is thrown. `withinMilliseconds` counts for all of it, the body included. */
export async function request(path, { baseURL, token, signal, withinMilliseconds, headers, ...init } = {}) {
    const within = withinMilliseconds ?? ANSWER_MILLISECONDS;
    const signals = [signal, within < Infinity ? AbortSignal.timeout(within) : null].filter(Boolean);
    let response;
    try {
        response = await fetch(new URL(path, rooted(baseURL)), {
            headers: { Accept: 'application/json', ...bearer(token), ...headers },
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

export function refusal(status, problem, retryAfter) {
    const code = problem?.code ?? (status === 404 ? 'not_found' : `http_${status}`);
    const detail = problem?.detail ?? problem?.title ?? `The server answered ${status}.`;
    const seconds = Number.parseInt(retryAfter, 10);
    const retryAfterSeconds = seconds >= 0 ? Math.min(seconds, RETRY_AFTER_MAX_SECONDS) : null;
    return new HeadwayError({ code, detail, status, retryAfterSeconds, problem });
}

export function unreachable(cause) {
    return new HeadwayError({ code: 'network', detail: 'The server could not be reached.' }, { cause });
}

/** How long a watch or a list leaves the server alone when it asks for that: never so long that it looks dead. */
export function heeded(error) {
    return Math.min(HEEDED_MAX_MILLISECONDS, (error.retryAfterSeconds ?? 0) * 1000);
}

/** RFC 6750 §2.1. */
export function bearer(token) {
    return token ? { Authorization: `Bearer ${token}` } : {};
}

/** For a WebSocket or an EventSource, which can send no header of a page's own: the token in the query. */
export function withToken(url, token) {
    if (token) url.searchParams.set('access_token', token);
    return url;
}

export function rooted(baseURL) {
    return baseURL ? new URL(String(baseURL).replace(/\/?$/, '/'), HOME).href : HOME;
}

export function documentPath(id) {
    return `v1/documents/${encodeURIComponent(id)}`;
}

export function eventsPath(id) {
    return `${documentPath(id)}/events`;
}

export function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}

/** A wait that doubles with each try, half of it chance, so that a crowd does not come back all at once. */
export function growing(tries, maxMilliseconds) {
    return Math.min(maxMilliseconds, TRY_WAIT_MIN_MILLISECONDS * 2 ** tries) * (0.5 + Math.random() / 2);
}

/** Waits; unless `patient`, ends early when the network comes back or the page is looked at again. */
export function pause(milliseconds, signal, { patient = false } = {}) {
    return new Promise((resolve, reject) => {
        const page = patient ? null : globalThis.document;
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
        if (!patient) addEventListener('online', woken);
        page?.addEventListener('visibilitychange', seen);
        signal?.addEventListener('abort', aborted);
    });
}
