// The page at Headway's root: what was dropped is sent, what runs is watched, what is done can be looked into.
// One Row per document; rows are fed by uploads, watches and the list, in any order, and keep only what is newest.

import {
    HeadwayError,
    Watchlist,
    cancel,
    isNewer,
    isTerminal,
    list,
    remove,
    result,
    retry,
    upload,
} from './headway.js';
import { STAGES, ago, bytes, capital, details, doing, number, remaining, spoken, trouble } from './words.js';

const SENDING_MAX = 2;
const WATCHES_MAX = 100;
// A browser opens six connections to a host over HTTP/1.1, for all tabs together. A WebSocket is not among them; an event
// stream is, so a tab that nobody looks at gives its own back after a while.
const REST_MILLISECONDS = 5_000;
const LIST_PAGE_DOCUMENTS = 100;
const LIST_DOCUMENTS_MAX = 500;
const LIST_WAIT_MILLISECONDS = { unwatched: 2_000, quiet: 3_000, hidden: 15_000 };
const RATE_WINDOW_MILLISECONDS = 8_000;
const CHUNKS_SHOWN = 5;
const CONFIRM_MILLISECONDS = 4_000;
const ANNOUNCEMENTS_MAX = 3;

const HOPELESS = new Set(['unsupported_type', 'file_unreadable']);

const TRANSPORTS = { websocket: 'WebSocket', sse: 'SSE', poll: 'Polling' };

const $ = (id) => document.getElementById(id);
const sheet = $('sheet');
const rowsElement = $('rows');
const rows = new Set();
const rowOf = new WeakMap();
const byId = new Map();

// A row.

class Row {
    state = null; // the newest known
    file = null; // while its bytes may have to be sent (again)
    refusal = null; // why it could not be sent
    sending = null; // AbortController
    transport = null; // by which the last news came
    cutOff = false;
    unwatchable = false;
    cancelWanted = false;
    since = 0; // when its document became known here
    static #count = 0;
    #filled = [0, 0, 0, 0];
    #samples = [];
    #stageKey = null;
    #chunks = null;
    #acting = false;
    #parts = {};

    constructor({ name }) {
        this.name = name;
        this.element = $('row').content.firstElementChild.cloneNode(true);
        rowOf.set(this.element, this);
        for (const part of ['name', 'bar', 'percent', 'doing', 'rate', 'left', 'via', 'advice', 'inside']) {
            this.#parts[part] = this.element.querySelector(`.${part}`);
        }
        this.fills = [...this.element.querySelectorAll('.segment > i')];
        this.buttons = {};
        for (const button of this.element.querySelectorAll('[data-act]')) {
            this.buttons[button.dataset.act] = button;
            button.addEventListener('click', () => this.#act(button.dataset.act));
        }
        const { inside } = this.#parts;
        inside.id = `inside-${(Row.#count += 1)}`;
        this.buttons.open.setAttribute('aria-controls', inside.id);
        rows.add(this);
        this.rename(name);
    }

    get id() {
        return this.state?.document_id ?? null;
    }

    /** `waiting` and `refused` are this page's own; the rest are the document's. */
    get status() {
        return this.refusal ? 'refused' : this.state?.status ?? 'waiting';
    }

    get running() {
        return !['complete', 'failed', 'cancelled', 'refused'].includes(this.status);
    }

    get bytesWhole() {
        const { bytes_received: received, bytes_total: total } = this.state ?? {};
        return total != null && received === total;
    }

    get canRetry() {
        if (this.refusal) return !HOPELESS.has(this.refusal.code);
        if (!['failed', 'cancelled'].includes(this.status)) return false;
        return this.bytesWhole ? this.state.error?.retryable !== false : this.file !== null;
    }

    rename(name) {
        this.name = name;
        this.#parts.name.textContent = name;
        this.#parts.name.title = name;
        mention(this.#parts.bar, `Progress of ${name}`);
        this.#label();
    }

    /** Takes a state from wherever it comes; what is older than the newest known changes nothing. */
    apply(state) {
        const before = this.state;
        if (!rows.has(this) || this.refusal) return;
        if (before && !(state.local ? before.offset === state.offset : isNewer(state, before))) return;
        // Offsets of two epochs cannot be compared; then the clock of the server decides.
        if (before && before.epoch !== state.epoch && before.updated_at > state.updated_at) return;
        if (state.name && state.name !== this.name) this.rename(state.name);
        if (!before) this.since = performance.now();
        this.state = state;
        byId.set(state.document_id, this);
        if (this.bytesWhole) this.file = null;
        this.cutOff = false;
        this.#measure();
        const key = `${state.status} ${state.stage}`;
        if (before && key !== this.#stageKey) {
            announce(`${this.name}: ${spoken(state)}`);
            assignWatches();
            if (this.open) this.#fillInside();
        }
        this.#stageKey = key;
        this.mark();
    }

    refuse(error) {
        this.refusal = error;
        this.state = null;
        announce(`${this.name}: not sent. ${trouble(error).title}.`);
        this.mark();
    }

    /** Asks to be drawn with the next frame. */
    mark() {
        drawSoon(this);
    }

    draw() {
        const { percent, doing, advice, bar } = this.#parts;
        const { element, state, status } = this;
        const data = { documentId: this.id, status, progress: state?.progress ?? 0, ...this.#via().data };
        for (const [key, value] of Object.entries(data)) {
            if (value == null) delete element.dataset[key];
            else if (element.dataset[key] !== String(value)) element.dataset[key] = value;
        }
        const shown = status === 'complete' ? 100 : Math.min(99, Math.floor(state?.progress ?? 0));
        const words = this.#words();
        write(percent, status === 'refused' ? '' : `${shown}\u202f%`);
        write(doing, words);
        if (bar.getAttribute('aria-valuenow') !== String(shown)) bar.setAttribute('aria-valuenow', shown);
        bar.setAttribute('aria-valuetext', `${shown} %, ${words}`);
        this.#filled = filled(state, this.#filled, status);
        this.fills.forEach((fill, index) => {
            const transform = `scaleX(${this.#filled[index].toFixed(4)})`;
            if (fill.style.transform !== transform) fill.style.transform = transform;
        });
        const problem = this.refusal ?? (status === 'failed' ? state.error ?? { code: 'unknown' } : null);
        advice.hidden = !problem;
        if (problem) write(advice, trouble(problem).next);
        this.drawFigures();
        this.#label();
    }

    /** What changes by the second: rate, remaining time, how long ago. */
    drawFigures() {
        const { rate, left, via } = this.#parts;
        const { state } = this;
        if (this.running) {
            write(rate, this.#rate());
            write(left, state ? remaining(state.eta_low, state.eta_high) : '');
        } else {
            const pages = state?.pages_total > 1 ? `${number(state.pages_total)} pages` : '';
            const size = state?.bytes_total ?? this.file?.size;
            write(rate, '');
            write(left, [pages, size != null ? bytes(size) : ''].filter(Boolean).join(', '));
        }
        write(via, this.#via().words);
        if (this.open) this.#fillDetails();
    }

    #words() {
        const { state, refusal } = this;
        if (refusal) return `Not sent: ${trouble(refusal).title}`;
        if (!state) return this.sending ? 'Starting' : 'Waiting to be sent';
        if (this.cutOff && state.status === 'uploading') return 'The connection was cut. Sending again';
        return doing(state);
    }

    /** How news of it comes, or when it ended: words to show, and the data attributes that go with them. */
    #via() {
        const { state, transport } = this;
        if (!this.running) return { words: state ? ago(state.updated_at) : '', data: { transport, phase: 'ended' } };
        if (!state) return { words: '', data: { transport: null, phase: null } };
        if (!watched.has(this.id)) return { words: 'Every 2 s', data: { transport: 'list', phase: 'live' } };
        const { name, phase } = connection;
        const words = phase === 'live' ? TRANSPORTS[name] : `${capital(phase)}…`;
        return { words, data: { transport: name, phase } };
    }

    #measure() {
        const { state } = this;
        const stage = state.stages?.find(({ name }) => name === state.stage);
        const count = state.status === 'uploading' ? state.bytes_received : stage?.done ?? state.pages_done;
        const last = this.#samples.at(-1);
        if (last && (last.stage !== state.stage || last.count > count)) this.#samples = [];
        const now = performance.now();
        if (count != null) this.#samples.push({ stage: state.stage, count, at: now });
        while (this.#samples.length > 2 && now - this.#samples[0].at > RATE_WINDOW_MILLISECONDS) this.#samples.shift();
    }

    #rate() {
        if (!['uploading', 'processing'].includes(this.status) || this.#samples.length < 2) return '';
        const first = this.#samples[0];
        const last = this.#samples.at(-1);
        const seconds = (performance.now() - first.at) / 1000;
        const perSecond = (last.count - first.count) / seconds;
        if (seconds < 0.8 || perSecond <= 0) return '';
        if (this.status === 'uploading') return `${bytes(perSecond)}/s`;
        const [count, unit] = perSecond < 1.5 ? [Math.ceil(perSecond * 60), 'min'] : [Math.round(perSecond), 's'];
        return `${number(count)} ${count === 1 ? 'page' : 'pages'}/${unit}`;
    }

    // What can be done with it.

    #label() {
        const { open, retry, cancel, remove } = this.buttons;
        cancel.hidden = !this.running;
        retry.hidden = !this.canRetry;
        remove.hidden = this.running;
        open.hidden = !this.state;
        write(open, this.open ? 'Close' : this.status === 'complete' ? 'Look inside' : 'Details');
        for (const button of Object.values(this.buttons)) mention(button, `${button.textContent}: ${this.name}`);
    }

    async #act(name) {
        const button = this.buttons[name];
        if (name === 'open') return this.toggle();
        if (name === 'remove' && this.state && !button.classList.contains('sure')) return this.#confirm(button);
        if (this.#acting) return;
        this.#acting = true;
        try {
            await { cancel: cancelRow, retry: retryRow, remove: removeRow }[name](this);
        } catch (error) {
            if (!(error instanceof HeadwayError)) throw error;
            if (error.status === 404) dropRow(this);
            else say(`${this.name}: ${trouble(error).title}. ${trouble(error).next}`);
        } finally {
            this.#acting = false;
            this.draw();
            // Who came by keyboard stays in the row when the button goes.
            if (button.hidden && document.activeElement === document.body) this.#firstButton?.focus();
        }
    }

    get #firstButton() {
        return this.element.querySelector('button:not([hidden])');
    }

    /** Removing cannot be taken back, so the same button is asked twice. */
    #confirm(button) {
        const settle = () => {
            clearTimeout(timer);
            button.classList.remove('sure');
            button.textContent = 'Remove';
            this.#label();
        };
        button.classList.add('sure');
        button.textContent = 'Really remove?';
        this.#label();
        const timer = setTimeout(settle, CONFIRM_MILLISECONDS);
        button.addEventListener('blur', settle, { once: true });
    }

    // What is inside.

    get open() {
        return !this.#parts.inside.hidden;
    }

    toggle() {
        const { inside } = this.#parts;
        inside.hidden = !inside.hidden;
        this.buttons.open.setAttribute('aria-expanded', String(this.open));
        if (this.open) this.#fillInside();
        this.#label();
    }

    #fillInside() {
        const { inside } = this.#parts;
        inside.replaceChildren();
        if (this.status === 'complete') inside.append(this.#look());
        inside.append(make('dl', { className: 'details' }), this.#links());
        this.#fillDetails();
    }

    #look() {
        const note = make('p', { className: 'look-note', textContent: 'Opening…' });
        const box = make('div', { className: 'look' }, note);
        const show = (chunks) => {
            const count = chunks.length < CHUNKS_SHOWN ? 'All' : 'The first';
            const length = number(chunks[0]?.embedding.length ?? 0);
            const noun = chunks.length === 1 ? 'chunk, with its vector' : 'chunks, each with its vector';
            const words = `${count} ${chunks.length} ${noun} of ${length} numbers`;
            const listing = make('ol', { className: 'chunks' }, ...chunks.map(chunkElement));
            note.textContent = words;
            box.append(listing);
        };
        this.#chunks ??= result(this.id, { limit: CHUNKS_SHOWN });
        this.#chunks.then(show, (error) => {
            this.#chunks = null;
            note.textContent = `The chunks could not be opened: ${error.message}`;
        });
        return box;
    }

    #links() {
        const at = `v1/documents/${encodeURIComponent(this.id)}`;
        const links = [['State as JSON', at]];
        if (this.status === 'complete') links.unshift(['All chunks', `${at}/result`], ['Text', `${at}/text`]);
        if (this.bytesWhole) links.push(['Original file', `${at}/content`]);
        const anchors = links.map(([textContent, href]) => make('a', { textContent, href, target: '_blank' }));
        return make('p', { className: 'links' }, ...anchors);
    }

    #fillDetails() {
        const box = this.#parts.inside.querySelector('.details');
        if (!box) return;
        const pairs = details(this.state);
        if (box.children.length !== pairs.length) {
            const width = ([, value]) => ({ className: value.length > 30 ? 'wide' : '' });
            box.replaceChildren(...pairs.map((pair) => make('div', width(pair), make('dt'), make('dd'))));
        }
        pairs.forEach(([term, value], index) => {
            write(box.children[index].firstChild, term);
            write(box.children[index].lastChild, value);
        });
    }
}

/**
 * How full each segment of the bar is. Never less than it was, and together never less than the percentage: after a
 * retry the stages count from zero again while the percentage holds, and so does the bar.
 */
function filled(state, before, status) {
    if (status === 'complete') return [1, 1, 1, 1];
    const now = STAGES.map(({ name }, index) => {
        const stage = state?.stages?.find((stage) => stage.name === name);
        const done = index === 0 ? state?.bytes_received : stage?.done;
        const total = index === 0 ? state?.bytes_total : stage?.total;
        return Math.max(before[index], total > 0 ? Math.min(1, (done ?? 0) / total) : 0);
    });
    let missing = (state?.progress ?? 0) - STAGES.reduce((sum, { weight }, index) => sum + weight * now[index], 0);
    STAGES.forEach(({ weight }, index) => {
        const more = Math.max(0, Math.min(missing, weight * (1 - now[index])));
        now[index] += more / weight;
        missing -= more;
    });
    // The last of it is kept for "complete".
    if (now.every((fill) => fill > 0.99)) now[3] = Math.max(before[3], 0.96);
    return now;
}

// Drawing: at most once a frame, only what changed, and slowly where nobody looks.

const marked = new Set();

function drawSoon(row) {
    if (marked.size === 0) {
        if (document.visibilityState === 'visible') requestAnimationFrame(drawMarked);
        else setTimeout(drawMarked, 250);
    }
    marked.add(row);
}

function drawMarked() {
    const drawn = [...marked];
    marked.clear();
    for (const row of drawn) if (rows.has(row)) row.draw();
    sheet.dataset.view = rows.size ? 'rows' : !listed && unreachable ? 'lost' : listed ? 'empty' : 'loading';
    drawTitle();
}

function drawTitle() {
    const running = [...rows].filter((row) => row.running && row.state);
    const sum = running.reduce((total, row) => total + row.state.progress, 0);
    const percent = `${Math.floor(sum / running.length)}\u202f%`;
    const what = running.length === 1 ? running[0].name : `${running.length} documents`;
    const title = running.length ? `${percent} · ${what}` : 'Headway';
    if (document.title !== title) document.title = title;
}

setInterval(() => {
    for (const row of rows) if (row.running) row.drawFigures();
}, 1_000);
setInterval(() => {
    for (const row of rows) if (!row.running) row.drawFigures();
}, 30_000);

// Sending.

const toSend = [];
let sendingCount = 0;

function send(files) {
    const added = Array.from(files, (file) => {
        const row = new Row({ name: file.name || 'Untitled' });
        row.file = file;
        return row;
    });
    rowsElement.prepend(...added.map((row) => row.element));
    toSend.push(...added);
    added.forEach((row) => row.mark());
    sendNext();
}

function sendNext() {
    while (sendingCount < SENDING_MAX && toSend.length) sendRow(toSend.shift());
}

async function sendRow(row) {
    sendingCount += 1;
    const sending = (row.sending = new AbortController());
    row.mark();
    try {
        const sent = await upload(row.file, {
            name: row.name,
            signal: sending.signal,
            onState: (state) => adopt(row, state),
            onCut: () => {
                row.cutOff = true;
                row.mark();
            },
        });
        row.apply(sent);
    } catch (error) {
        if (!sending.signal.aborted) await notSent(row, error);
    } finally {
        row.sending = null;
        sendingCount -= 1;
        sendNext();
    }
}

/** A row has a document now. The list may have brought the same one a moment ago; the row with the file stays. */
function adopt(row, state) {
    const other = byId.get(state.document_id);
    if (other && other !== row) dropRow(other);
    const isNew = row.id === null;
    row.apply(state);
    if (!isNew) return;
    if (row.cancelWanted) cancelRow(row).catch(() => {});
    assignWatches();
}

async function notSent(row, error) {
    if (!(error instanceof HeadwayError)) throw error;
    if (row.state && isTerminal(row.state)) return;
    if (error.status === 404 && row.state) return dropRow(row);
    row.refuse(error);
    assignWatches();
    if (error.documentId) {
        await remove(error.documentId).catch(() => {});
        byId.delete(error.documentId);
    }
}

async function cancelRow(row) {
    if (row.id) {
        row.apply(await cancel(row.id));
        row.sending?.abort();
    } else if (row.sending) {
        row.cancelWanted = true;
    } else {
        toSend.splice(toSend.indexOf(row), 1);
        dropRow(row);
    }
}

async function retryRow(row) {
    if (row.state && row.bytesWhole) {
        row.apply(await retry(row.id));
        return assignWatches();
    }
    const { file, id } = row;
    const next = new Row({ name: row.name });
    next.file = file;
    const hadFocus = row.element.contains(document.activeElement);
    row.element.replaceWith(next.element);
    if (hadFocus) next.buttons.cancel.focus();
    dropRow(row);
    next.mark();
    toSend.push(next);
    sendNext();
    if (id) await remove(id).catch(() => {});
}

async function removeRow(row) {
    if (row.id) {
        await remove(row.id).catch((error) => {
            if (error.status !== 404) throw error;
        });
    }
    dropRow(row);
}

function dropRow(row) {
    row.sending?.abort();
    rows.delete(row);
    assignWatches();
    if (byId.get(row.id) === row) byId.delete(row.id);
    if (row.element.contains(document.activeElement)) {
        const near = row.element.nextElementSibling ?? row.element.previousElementSibling;
        (near?.querySelector('button:not([hidden])') ?? $('files')).focus();
    }
    row.element.remove();
    drawSoon(row);
}

// Watching: the documents that run, over one connection for all of them; the list brings news of the others.

let watchlist = null;
let watched = new Set();
let connection = { name: 'websocket', phase: 'connecting' };
let assigning = false;
let resting = false;

function startWatching() {
    watchlist?.close();
    watched = new Set();
    connection = { name: transport === 'auto' ? 'websocket' : transport, phase: 'connecting' };
    watchlist = new Watchlist({
        transport,
        onState(state) {
            const row = byId.get(state.document_id);
            if (!row) return;
            row.transport = connection.name;
            row.apply(state);
        },
        onGone(id, error) {
            const row = byId.get(id);
            if (!row) return;
            row.unwatchable = true;
            if (error.status === 404 && !row.sending) dropRow(row);
        },
        onTransport(name, phase) {
            connection = { name, phase: phase === 'idle' ? 'connecting' : phase };
            for (const row of rows) if (watched.has(row.id)) row.mark();
            assignWatches();
        },
    });
    assignWatches();
}

function assignWatches() {
    if (assigning) return;
    assigning = true;
    queueMicrotask(() => {
        assigning = false;
        const rank = { processing: 0, uploading: 1, queued: 2 };
        const running = [...rows].filter((row) => row.running && row.id && !row.unwatchable);
        running.sort((a, b) => rank[a.status] - rank[b.status] || (a.id < b.id ? -1 : 1));
        const rests = resting && connection.name !== 'websocket';
        const ids = running.slice(0, rests ? 0 : WATCHES_MAX).map((row) => row.id);
        const before = watched;
        watched = new Set(ids);
        for (const row of running) if (before.has(row.id) !== watched.has(row.id)) row.mark();
        watchlist.only(ids);
        listSoon();
    });
}

// The transport: as the address says (`?transport=`), or as it was chosen here before, or automatic.

const KEPT_CHOICE = 'headway.transport';
let transport = [new URLSearchParams(location.search).get('transport'), kept(KEPT_CHOICE)].find(isTransport) ?? 'auto';

function isTransport(name) {
    return name === 'auto' || Object.hasOwn(TRANSPORTS, name);
}

$('transport').value = transport;
$('transport').addEventListener('change', ({ target }) => {
    transport = target.value;
    keep(KEPT_CHOICE, transport);
    // What was just chosen stands over what the address said, also when the page is loaded again.
    const address = new URL(location.href);
    address.searchParams.delete('transport');
    history.replaceState(history.state, '', address);
    startWatching();
});

/** Storage may be forbidden or full; then a choice lasts as long as the page. */
function keep(key, value) {
    try {
        localStorage.setItem(key, value);
    } catch {}
}

function kept(key) {
    try {
        return localStorage.getItem(key);
    } catch {
        return null;
    }
}

// The list: what is there already, what others send, and how those fare that are not watched.

let listed = false;
let unreachable = false;
let wanted = LIST_PAGE_DOCUMENTS;
let wakeList = () => {};

async function followList() {
    for (let failures = 0; ; ) {
        const begun = performance.now();
        let wait;
        try {
            const limit = Math.min(LIST_DOCUMENTS_MAX, Math.max(wanted, Math.ceil(byId.size / 50) * 50));
            merge(await list({ limit }), begun);
            failures = 0;
            listed = true;
            setCondition(null);
            wait = LIST_WAIT_MILLISECONDS[listPace()];
        } catch (error) {
            if (!(error instanceof HeadwayError)) throw error;
            failures += 1;
            wait = Math.max((error.retryAfterSeconds ?? 0) * 1000, Math.min(5_000, 500 * 2 ** failures));
            setCondition(error);
        }
        drawSoon(null);
        await new Promise((resolve) => {
            const timer = setTimeout(resolve, wait);
            wakeList = () => {
                clearTimeout(timer);
                resolve();
            };
            listSoon = () => {
                const left = begun + LIST_WAIT_MILLISECONDS[listPace()] - performance.now();
                if (!failures && left < wait) setTimeout(wakeList, Math.max(0, left));
            };
        });
        listSoon = () => {};
    }
}

/** Comes back to the list earlier where a row now depends on it. */
let listSoon = () => {};

function listPace() {
    for (const row of rows) if (row.running && row.id && !watched.has(row.id)) return 'unwatched';
    return document.visibilityState === 'visible' ? 'quiet' : 'hidden';
}

function merge({ documents, next_cursor: next }, begun) {
    const present = new Set();
    for (const state of documents) {
        present.add(state.document_id);
        const known = byId.get(state.document_id);
        if (known) known.apply(state);
        else place(state);
    }
    const oldest = documents.at(-1)?.created_at ?? '';
    for (const row of rows) {
        if (!row.id || present.has(row.id) || row.sending || row.since > begun) continue;
        if (!next || row.state.created_at > oldest) dropRow(row);
    }
    $('more').hidden = !next || wanted >= LIST_DOCUMENTS_MAX;
    assignWatches();
}

function place(state) {
    const row = new Row({ name: state.name || 'Untitled' });
    row.apply(state);
    const older = ({ state: other }) => other && other.created_at < state.created_at;
    const after = [...rowsElement.children].find((element) => older(rowOf.get(element)));
    rowsElement.insertBefore(row.element, after ?? null);
}

function setCondition(error) {
    unreachable = error !== null;
    let words = '';
    if (error && !navigator.onLine) words = 'Offline. What runs goes on; this page will catch up.';
    else if (error?.code === 'network') words = 'No connection to Headway. Trying again…';
    else if (error?.passing) words = 'Headway is busy. Trying again…';
    else if (error) words = `Refused: ${error.detail}`;
    if (write($('condition'), words)) announce(words || 'Connected again.');
}

// Elements.

function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
}

/** Writes where the text is another; says whether it was. */
function write(element, text) {
    if (element.textContent === text) return false;
    element.textContent = text;
    return true;
}

function chunkElement({ index, page_start: from, page_end: to, text, embedding }) {
    const element = $('chunk').content.firstElementChild.cloneNode(true);
    const span = from === to ? `Page ${from}` : `Pages ${from}–${to}`;
    element.querySelector('.span').textContent = from == null ? `Chunk ${index + 1}` : span;
    element.querySelector('.text').textContent = text;
    element.querySelector('path').setAttribute('d', glyph(embedding, 64));
    return element;
}

/** A vector as a row of strokes about a middle line: each the strongest number of its group. */
function glyph(vector, strokes) {
    const group = Math.max(1, Math.ceil(vector.length / strokes));
    const strongest = [];
    for (let start = 0; start < vector.length; start += group) {
        strongest.push(vector.slice(start, start + group).reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0));
    }
    const most = Math.max(1e-9, ...strongest.map(Math.abs));
    const stroke = (value, place) => `M${place * 3 + 1.5} 14v${((-13 * value) / most || 0.1).toFixed(2)}`;
    return strongest.map(stroke).join('');
}

function mention(element, label) {
    if (element.getAttribute('aria-label') !== label) element.setAttribute('aria-label', label);
}

// What is said aloud, a few at a time.

const unsaid = [];

function announce(words) {
    if (unsaid.push(words) > 1) return;
    setTimeout(() => {
        const said = unsaid.splice(0);
        const rest = said.length - ANNOUNCEMENTS_MAX;
        say(rest > 0 ? `${said.slice(-ANNOUNCEMENTS_MAX).join('. ')}. And ${rest} more.` : said.join('. '));
    }, 1_000);
}

function say(words) {
    $('live').textContent = words;
}

// Ways in: choosing, dropping, pasting.

$('files').addEventListener('change', ({ target }) => {
    send(target.files);
    target.value = '';
});

const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');
let dragDepth = 0;

function setDragging(depth) {
    dragDepth = Math.max(0, depth);
    $('drop').classList.toggle('over', dragDepth > 0);
}

addEventListener('dragenter', (event) => carriesFiles(event) && setDragging(dragDepth + 1));
addEventListener('dragleave', (event) => carriesFiles(event) && setDragging(dragDepth - 1));
addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
});
addEventListener('drop', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    setDragging(0);
    send(event.dataTransfer.files);
});
addEventListener('paste', ({ clipboardData, target }) => {
    if (target.closest?.('textarea, [contenteditable]')) return;
    const text = clipboardData.getData('text/plain');
    if (clipboardData.files.length) send(clipboardData.files);
    else if (text.trim()) send([new File([text], 'Pasted text.txt', { type: 'text/plain' })]);
});

// The rest of the page.

$('more').addEventListener('click', () => {
    wanted += LIST_PAGE_DOCUMENTS;
    wakeList();
});
$('command').textContent = `curl -T policy.pdf ${new URL('drop/', location.href.split(/[?#]/)[0])}`;
$('copy').addEventListener('click', async ({ target }) => {
    const range = document.createRange();
    range.selectNodeContents($('command'));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    // Without TLS, browsers offer the clipboard only on the own machine; the selection is there either way.
    const copied = await navigator.clipboard?.writeText($('command').textContent).then(() => true, () => false);
    target.textContent = copied || document.execCommand('copy') ? 'Copied' : 'Press Ctrl-C';
    setTimeout(() => (target.textContent = 'Copy'), 2_000);
});
addEventListener('online', () => wakeList());
addEventListener('offline', () => setCondition({ code: 'network' }));
let restTimer = null;
document.addEventListener('visibilitychange', () => {
    clearTimeout(restTimer);
    resting = false;
    if (document.visibilityState === 'visible') {
        for (const row of rows) row.mark();
        wakeList();
    } else {
        restTimer = setTimeout(() => {
            resting = true;
            assignWatches();
        }, REST_MILLISECONDS);
    }
    assignWatches();
});
startWatching();
followList();
