// The uploads a browser remembers, so that a page that is loaded again goes on with them: which file, which document,
// where its bytes go, and which window sends them. A file is known again by its name, size and time of change, which is
// all that a page may learn of it. The bytes themselves are not kept: a person has to choose the file again.

const PREFIX = 'headway.upload.';
const KEPT_UPLOADS_MAX = 200;
const KEPT_MILLISECONDS_MAX = 7 * 86_400_000; // The server gives up on an upload long before.

/** This window. No two share it, and none has it again when it is loaded anew. */
const HERE = crypto.getRandomValues(new Uint32Array(2)).join('-');

/**
 * @typedef {Object} KeptUpload
 * @property {string} id the document's
 * @property {string} url where its bytes go
 * @property {string} base the server
 * @property {string} name of the file
 * @property {number} size of the file, bytes
 * @property {number} lastModified of the file, Unix milliseconds
 * @property {?string} holder the window that sends it; null when that was left
 * @property {number} begun Unix milliseconds
 */

/** Storage may be forbidden or full; then an upload is remembered as long as the page. */
const memory = new Map();

function read(id) {
    let text = null;
    try {
        text = localStorage.getItem(PREFIX + id);
    } catch {}
    try {
        const kept = JSON.parse(text ?? memory.get(id) ?? 'null');
        return kept?.id === id ? kept : null;
    } catch {
        return null;
    }
}

function write(kept) {
    const text = JSON.stringify(kept);
    try {
        localStorage.setItem(PREFIX + kept.id, text);
    } catch {
        memory.set(kept.id, text);
    }
}

/** What is remembered of a server's uploads, the oldest first. @returns {KeptUpload[]} */
export function keptUploads(base) {
    let keys = [];
    try {
        keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    } catch {}
    const ids = new Set([...keys.map((key) => key.slice(PREFIX.length)), ...memory.keys()]);
    const all = [...ids].map((id) => read(id) ?? forget(id)).filter(Boolean);
    all.sort((a, b) => a.begun - b.begun);
    return all.filter((kept) => kept.base === base);
}

export function keptUpload(id) {
    return read(id);
}

/** Whether `file` is, as far as a browser can tell, the one whose bytes are there in part. */
export function isSameFile(kept, file) {
    return kept.name === file.name && kept.size === file.size && kept.lastModified === file.lastModified;
}

/** Remembers an upload that this window sends; what is too old goes, and the oldest where there are too many. */
export function keepUpload(kept) {
    const before = keptUploads(kept.base);
    const oldest = Date.now() - KEPT_MILLISECONDS_MAX;
    const over = before.length + 1 - KEPT_UPLOADS_MAX;
    before.forEach(({ id, begun }, index) => (index < over || begun < oldest) && forget(id));
    write({ ...kept, holder: HERE });
}

export function forget(id) {
    memory.delete(id);
    try {
        localStorage.removeItem(PREFIX + id);
    } catch {}
    return null;
}

/** From now on this window sends it: whichever did before is told, and stops. */
export function hold(id) {
    const kept = read(id);
    if (kept) write({ ...kept, holder: HERE });
}

/** This window sends it no more; any may go on. */
export function letGo(id) {
    const kept = read(id);
    if (kept?.holder === HERE) write({ ...kept, holder: null });
}

export function isHeldElsewhere(id) {
    const { holder = null } = read(id) ?? {};
    return holder !== null && holder !== HERE;
}

/** Calls `taken` when another window goes on with the upload; returns what ends that. */
export function whenTaken(id, taken) {
    const look = ({ key }) => key === PREFIX + id && isHeldElsewhere(id) && taken();
    addEventListener('storage', look);
    return () => removeEventListener('storage', look);
}
