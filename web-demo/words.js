// What the page says: states, troubles, sizes and times in words a person uses.

import { isTerminal } from './headway.js';

export const STAGES = [
    { name: 'uploading', weight: 20, spoken: 'Uploading', past: 'Uploaded' },
    { name: 'extracting', weight: 50, spoken: 'Reading', past: 'Read' },
    { name: 'chunking', weight: 5, spoken: 'Splitting into chunks', past: 'Chunked' },
    { name: 'embedding', weight: 25, spoken: 'Embedding', past: 'Embedded' },
];

/** In place of extracting, where the text is recognized from pictures of the pages. */
const RECOGNIZING = { name: 'recognizing', spoken: 'Recognizing', past: 'Recognized' };
/** The segment of the bar that a stage fills. */
export const segmentOf = (stage) => (stage === RECOGNIZING.name ? 'extracting' : stage);
const stageNamed = (stage) => [...STAGES, RECOGNIZING].find(({ name }) => name === stage);

const TROUBLE = {
    memory_exceeded: {
        title: 'it needed too much memory',
        next:
            'It took more memory than one document may have. Split it into smaller parts, or raise ' +
            'the limit and retry.',
    },
    timeout: {
        title: 'it took too long',
        next:
            'It reached the time limit for one document. Retry once; if that fails too, split it into ' +
            'smaller parts.',
    },
    stalled: {
        title: 'it stopped moving',
        next:
            'Nothing came from it for a minute, so it was stopped. Retry once; if it stops again, ' +
            'save the file anew and send that.',
    },
    crashed: {
        title: 'the reader crashed',
        next:
            'Something in this file broke the reader; nothing else was touched. Save it anew (“Print ' +
            'to PDF” often helps) and send that.',
    },
    unreadable: {
        title: 'it cannot be read',
        next:
            'The file is empty, damaged, or not what its name says. Open it on your side, save it ' +
            'anew and send that.',
    },
    password_protected: {
        title: 'it is locked',
        next: 'It opens with a password only. Send the file again on this page, and you are asked for it.',
        here: 'It opens with a password only. Give it, and the file is sent once more.',
    },
    expansion_exceeded: {
        title: 'it unpacks to too much',
        next: 'It grows to many times its size, as no real document does. Save it anew and send that.',
    },
    no_text: { title: 'there is no text in it', next: null },
    unsupported_type: {
        title: 'this kind of file is not accepted',
        next: 'Headway reads PDF, DOCX, ODT, EPUB, HTML and text. Save it as one of these and send that.',
    },
    upload_interrupted: {
        title: 'the upload was cut off',
        next: 'Not all of it arrived. Send the file again.',
    },
    upload_expired: {
        title: 'the upload was never finished',
        next: 'The rest of it did not come in time. Send the file again.',
    },
    parts_gone: {
        title: 'a part of the upload is gone',
        next: 'It was removed before the others were there. Send the file again.',
    },
    too_large: { title: 'it is too large', next: null },
    too_many_uploads_of_client: {
        title: 'you have too many uploads under way',
        next: 'Wait until another one has ended, then try again.',
        meanwhile: 'It goes on by itself when another one has ended.',
    },
    daily_bytes_used: { title: 'you have sent as much as you may today', next: null },
    rate_limited: {
        title: 'too many at once',
        next: 'Wait a moment, then try again.',
    },
    storage_full: {
        title: 'the server’s disk is full',
        next: 'Try again when there is room: remove documents, or ask whoever runs the server.',
        meanwhile: 'It goes on by itself when there is room.',
    },
    restarting: { title: 'Headway is being restarted', next: 'Try again in a moment.' },
    unauthorized: {
        title: 'the server asks for a token',
        next: 'Give one above, and it is sent.',
    },
    bad_token: {
        title: 'the server does not know this token',
        next: 'Check it, or ask for another.',
    },
    forbidden: { title: 'the token does not allow it', next: null },
    file_unreadable: {
        title: 'the browser cannot open it',
        next: 'It is a folder, or it was moved or changed since. Choose the file again.',
    },
    network: {
        title: 'Headway could not be reached',
        next: 'Check the connection, then try again.',
    },
};
const BUSY = { title: 'Headway is busy', next: 'It takes no more uploads just now. Wait a moment, then try again.' };
const TROUBLE_BY_STATUS = {
    413: TROUBLE.too_large,
    415: TROUBLE.unsupported_type,
    423: BUSY,
    429: TROUBLE.rate_limited,
    507: TROUBLE.storage_full,
};
const RETRY_TOLD_SECONDS = 60;
const UNKNOWN_TROUBLE = { title: 'something went wrong', next: null };
const GOES_ON = 'It goes on by itself. What has arrived is safe.';

/** What went wrong, what a person can do next, and what happens meanwhile where it is tried again. */
export function trouble({ code, detail, status, problem, retryAfterSeconds }) {
    const known = TROUBLE[code] ?? TROUBLE_BY_STATUS[status];
    const { title, next, here, meanwhile = GOES_ON } = known ?? (status >= 500 ? BUSY : UNKNOWN_TROUBLE);
    const limit = problem?.size_limit_bytes;
    const advice = [next ?? (limit ? `At most ${bytes(limit)} are taken here. Split it into smaller parts.` : detail)];
    if (retryAfterSeconds > RETRY_TOLD_SECONDS) advice.push(`Try again after ${clock(retryAfterSeconds)}.`);
    return { title, next: advice.filter(Boolean).join(' ') || 'The details may say more.', here, meanwhile };
}

/** What is said of an upload of this page instead of its document's state; null where that says it all. */
export function onItsWay(sending, { state, place, upload }) {
    const there = state && portion(state.bytes_received ?? 0, state.bytes_total);
    if (sending === 'waiting') return place === 1 ? 'Next in line' : `In line, ${number(place - 1)} before it`;
    if (sending === 'starting') return 'Starting';
    if (sending === 'paused') return there ? `Paused at ${there}` : 'Paused';
    if (sending === 'away') return `Unfinished, ${there} are there`;
    if (sending !== 'retrying') return null;
    const { error, retryAt } = upload;
    const why = error.code !== 'network' ? trouble(error).title : navigator.onLine ? 'connection lost' : 'offline';
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    const next = seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
    return `${capital(why)}. ${retryAt ? `Trying again in ${next}` : 'Trying again'}`;
}

/** Says how `file` differs from the one that an upload began with; null where it is the same. */
export function otherFile({ name, size, lastModified }, file) {
    const again = 'Choose the one it was begun with, or discard the upload.';
    if (file.name !== name) return `That is “${file.name}”, another file. ${again}`;
    if (file.size !== size) {
        const isClose = bytes(file.size) === bytes(size);
        const [has, had] = [file.size, size].map((count) => isClose ? `${number(count)} bytes` : bytes(count));
        return `That file has ${has}, not ${had}. ${again}`;
    }
    if (file.lastModified === lastModified) return null;
    return `That file was changed on ${moment(file.lastModified)}. Discard this upload and send the file anew.`;
}

export function doing(state) {
    const { status, stage, error, created_at: begun, updated_at: ended } = state;
    if (status === 'complete') return `Done — took ${duration(Date.parse(ended) - Date.parse(begun))}`;
    if (status === 'failed') return `Failed: ${trouble(error ?? {}).title}`;
    if (status === 'cancelled') return 'Cancelled';
    if (status === 'uploading') return `Uploading ${portion(state.bytes_received ?? 0, state.bytes_total)}`;
    if (status === 'queued' && state.attempt > 1) return 'Waiting to run again';
    const { queue_position: place } = state;
    if (status === 'queued') return place ? `Waiting (position ${number(place)})` : 'Waiting';
    const { done = 0, total } = state.stages?.find(({ name }) => name === stage) ?? {};
    const page = total > 1 ? ` page ${number(Math.min(total, done + 1))} of ${number(total)}` : '';
    if (stage === 'extracting') return `Reading${page}`;
    if (stage === 'recognizing') return `Recognizing${page}`;
    if (stage === 'chunking') return `Splitting into chunks${page && `,${page}`}`;
    if (stage === 'embedding') return `Embedding${page}`;
    return capital(stage ?? 'working');
}

/** The stage alone, for those who listen: numbers would never stop. */
export function spoken(state) {
    if (isTerminal(state) || state.status === 'queued') return doing(state);
    return stageNamed(state.stage)?.spoken ?? capital(state.stage ?? 'working');
}

export function details(state) {
    const past = (stage) => stageNamed(stage)?.past ?? capital(stage);
    const pages = ({ done, total }) => {
        if (total == null) return '–';
        return `${number(done)} of ${number(total)} ${total === 1 ? 'page' : 'pages'}`;
    };
    return [
        ['Uploaded', portion(state.bytes_received ?? 0, state.bytes_total)],
        ...(state.stages ?? []).map((stage) => [past(stage.name), pages(stage)]),
        ['Sent', moment(state.created_at)],
        isTerminal(state) && ['Ended', moment(state.updated_at)],
        ['Type', state.content_type],
        ['Attachments', state.attachments && `${state.attachments.join(', ')} (not read)`],
        state.attempt > 1 && ['Attempt', number(state.attempt)],
        state.error && ['Error', `${state.error.code}: ${state.error.detail}`],
        state.message && ['Message', state.message],
        ['Document', state.document_id],
        state.sha256 && ['SHA-256', state.sha256],
    ].filter((pair) => pair && pair[1]);
}

export function remaining(low, high) {
    if (low == null || high == null) return '';
    const [unit, name] = high < 60 ? [high < 20 ? 1 : 5, 's'] : high < 5_400 ? [60, 'min'] : [1_800, 'h'];
    const scale = { s: unit, min: 1, h: 0.5 }[name];
    const from = Math.max(name === 'h' ? 0.5 : 1, Math.floor(low / unit) * scale);
    const to = Math.max(from, Math.ceil(high / unit) * scale);
    return from === to ? `about ${to} ${name}` : `about ${from}–${to} ${name}`;
}

function duration(milliseconds) {
    const seconds = Math.max(0, milliseconds / 1000);
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    if (seconds < 59.5) return `${Math.round(seconds)} s`;
    if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
    return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

export function ago(timestamp) {
    const minutes = Math.floor((Date.now() - Date.parse(timestamp)) / 60_000);
    if (minutes < 1) return 'just now';
    if (minutes < 60) return `${minutes} min ago`;
    if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
    return new Date(timestamp).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}

function clock(secondsFromNow) {
    const then = new Date(Date.now() + secondsFromNow * 1000 + 59_999);
    return then.toLocaleTimeString(undefined, { timeStyle: 'short' });
}

const MOMENT = { dateStyle: 'medium', timeStyle: 'medium' };
const moment = (timestamp) => new Date(timestamp).toLocaleString(undefined, MOMENT);
export const number = (value) => value.toLocaleString('en');
export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

function inUnit(count, exponent) {
    const value = count / 1000 ** exponent;
    return exponent === 0 ? String(Math.round(value)) : value.toFixed(value < 99.95 ? 1 : 0);
}

export function bytes(count) {
    const exponent = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, count)) / 3)));
    return `${inUnit(count, exponent)} ${['B', 'kB', 'MB', 'GB', 'TB'][exponent]}`;
}

/** "3.1 of 12.4 MB": both in the unit of the whole, so that only one number changes. */
function portion(part, whole) {
    if (whole == null) return bytes(part);
    const exponent = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, whole)) / 3)));
    return `${inUnit(part, exponent)} of ${bytes(whole)}`;
}
