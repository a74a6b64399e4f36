// A row: one document as the page shows it. Fed by uploads, watches and the list in any order, it keeps the newest.

import { EMPTY_BAR, filled } from './bar.js';
import { announce, copied, mark, mention, write } from './elements.js';
import { HeadwayError, isNewer, isTerminal } from './headway.js';
import { Inside } from './inside.js';
import { Rate } from './rate.js';
import { ago, bytes, doing, number, onItsWay, remaining, spoken, trouble } from './words.js';

const CONFIRM_MILLISECONDS = 4_000;
const SILENCE_MILLISECONDS = 10_000;
const HOPELESS = new Set(['unsupported_type', 'file_unreadable', 'too_large']);
const PARTS = ['name', 'bar', 'percent', 'doing', 'rate', 'left', 'via', 'advice', 'unlock', 'inside'];

export class Row {
    state = null; // the newest known
    file = null; // while its bytes may have to be sent (again)
    password = null; // that was given for it, to be sent with it
    upload = null; // while they are sent, or paused
    place = null; // in the line of those that wait to be sent
    kept = null; // what the browser remembers of it, where it is not whole
    wrongFile = null; // that was chosen instead
    refusal = null; // why it could not be sent
    transport = null; // by which the last news came
    unwatchable = false;
    since = 0; // when its document became known here
    static #count = 0;
    #host;
    #isGone = false;
    #filled = EMPTY_BAR;
    #rate = new Rate();
    #arrivedAt = 0;
    #stageKey = null;
    #sendingKey = null;
    #inside;
    #acting = false;
    #parts = {};

    /**
     * `host`: `soon(row)` has it drawn with the next frame, `moved(row)` is told of a change of stage, `known(row)` of
     * its document; `act(row, name)` does what a button says, and `failed(row, error)` is told when it could not;
     * `via(row)` says how its news come.
     */
    constructor(name, host) {
        this.#host = host;
        this.element = copied('row');
        for (const part of PARTS) this.#parts[part] = this.element.querySelector(`.${part}`);
        this.fills = [...this.element.querySelectorAll('.segment > i')];
        this.buttons = {};
        for (const button of this.element.querySelectorAll('[data-act]')) {
            this.buttons[button.dataset.act] = button;
            button.addEventListener('click', () => this.#act(button.dataset.act));
        }
        const { inside, unlock } = this.#parts;
        unlock.addEventListener('submit', (event) => {
            event.preventDefault();
            this.password = unlock.elements[0].value;
            unlock.reset();
            this.#act('unlock');
        });
        inside.id = `inside-${(Row.#count += 1)}`;
        this.buttons.open.setAttribute('aria-controls', inside.id);
        this.#inside = new Inside(inside);
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

    /** How its bytes fare, where this page has to do with that: a phase of the upload, `waiting`, or `away`. */
    get sending() {
        if (!['waiting', 'uploading'].includes(this.status)) return null;
        if (this.place !== null) return 'waiting';
        if (this.upload) return this.upload.phase;
        const isSilent = performance.now() - this.#arrivedAt > SILENCE_MILLISECONDS;
        return this.kept && (!this.kept.isSentElsewhere || isSilent) ? 'away' : null;
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

    /** Whether it wants a password, and may be sent with one from here. */
    get isLocked() {
        return this.status === 'failed' && this.state.error?.code === 'password_protected' && this.file !== null;
    }

    rename(name) {
        this.name = name;
        this.#parts.name.textContent = name;
        this.#parts.name.title = name;
        mention(this.#parts.bar, `Progress of ${name}`);
        mention(this.#parts.unlock.elements[0], `Password of ${name}`);
        this.#label();
    }

    /** Takes a state from wherever it comes; what is older than the newest known changes nothing. */
    apply(state) {
        const before = this.state;
        if (this.#isGone || this.refusal) return;
        if (before && !(state.local ? before.offset === state.offset : isNewer(state, before))) return;
        // Offsets of two epochs cannot be compared; then the clock of the server decides.
        if (before && before.epoch !== state.epoch && before.updated_at > state.updated_at) return;
        if (state.name && state.name !== this.name) this.rename(state.name);
        if (!before) this.since = performance.now();
        this.state = state;
        this.#host.known(this);
        // What has left this browser may still be lost on its way.
        if (this.bytesWhole && !state.local) {
            this.kept = null;
            // It may turn out to want a password.
            if (!this.running && !this.isLocked) this.file = null;
        }
        if (this.#rate.take(state)) this.#arrivedAt = performance.now();
        const key = `${state.status} ${state.stage}`;
        if (before && key !== this.#stageKey) {
            announce(`${this.name}: ${spoken(state)}`);
            this.moved();
            if (this.open) this.#inside.fill(this);
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

    /** Tells the page that it has come to another stage. */
    moved() {
        this.#host.moved(this);
    }

    /** It leaves the page. */
    leave() {
        this.#isGone = true;
        this.element.remove();
    }

    /** Asks to be drawn with the next frame. */
    mark() {
        if (!this.#isGone) this.#host.soon(this);
    }

    draw() {
        const { percent, doing, advice, bar } = this.#parts;
        const { element, state, status, sending } = this;
        const progress = state?.progress ?? 0;
        const via = this.#via();
        mark(element, { documentId: this.id, status, sending, progress, ...via.data });
        if (sending !== this.#sendingKey) this.#turned(sending);
        const shown = status === 'complete' ? 100 : Math.min(99, Math.floor(progress));
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
        const advised = this.#advice();
        advice.classList.toggle('wrong', sending === 'away' && this.wrongFile !== null);
        advice.hidden = !advised;
        write(advice, advised);
        this.#parts.unlock.hidden = !this.isLocked;
        this.drawFigures();
        this.#label();
    }

    /** The sending has come to another phase. */
    #turned(sending) {
        const told = { away: 'unfinished', paused: 'paused', retrying: 'waits to be sent on' }[sending];
        if (told) announce(`${this.name}: ${told}`);
        if (sending !== 'sending') this.#rate.forget();
        this.#sendingKey = sending;
    }

    /** What changes by the second: rate, remaining time, how long ago. */
    drawFigures() {
        const { rate, left, via } = this.#parts;
        const { state, sending } = this;
        if (this.running) {
            const isMoving = sending === null || sending === 'sending';
            write(rate, isMoving ? this.#rate.words(this.status) : '');
            write(left, isMoving && state ? remaining(state.eta_low, state.eta_high) : '');
        } else {
            const pages = state?.pages_total > 1 ? `${number(state.pages_total)} pages` : '';
            const size = state?.bytes_total ?? this.file?.size;
            write(rate, '');
            write(left, [pages, size != null ? bytes(size) : ''].filter(Boolean).join(', '));
        }
        write(via, this.#via().words);
        if (this.open) this.#inside.fillDetails(this.state);
    }

    #words() {
        const { state, refusal, sending } = this;
        if (refusal) return `Not sent: ${trouble(refusal).title}`;
        return onItsWay(sending, this) ?? (state ? doing(state) : 'Starting');
    }

    #advice() {
        const { state, status, sending, wrongFile } = this;
        if (this.refusal) return trouble(this.refusal).next;
        if (this.isLocked) return trouble(state.error).here;
        if (status === 'failed') return trouble(state.error ?? { code: 'unknown' }).next;
        if (sending === 'away') return wrongFile ?? 'Choose the same file again, and only what is missing is sent.';
        if (sending !== 'retrying' || this.upload.error?.code === 'network') return '';
        return trouble(this.upload.error ?? {}).meanwhile;
    }

    /** How news of it comes, or when it ended: words to show, and the data attributes that go with them. */
    #via() {
        const { state, transport } = this;
        if (!this.running) return { words: state ? ago(state.updated_at) : '', data: { transport, phase: 'ended' } };
        if (!state) return { words: '', data: { transport: null, phase: null } };
        const { words, data } = this.#host.via(this);
        // Where nothing moves, or the trouble is told already, it would be noise.
        const isMoving = this.sending === null || this.sending === 'sending';
        return { words: isMoving ? words : '', data };
    }

    // What can be done with it.

    #label() {
        const { open, choose, pause, resume, retry, cancel, remove } = this.buttons;
        const { sending } = this;
        cancel.hidden = !this.running;
        retry.hidden = !this.canRetry;
        remove.hidden = this.running;
        open.hidden = !this.state;
        choose.hidden = sending !== 'away';
        pause.hidden = !['starting', 'sending', 'retrying'].includes(sending);
        resume.hidden = sending !== 'paused';
        write(open, this.open ? 'Close' : this.status === 'complete' ? 'Look inside' : 'Details');
        write(cancel, sending === 'away' ? 'Discard' : 'Cancel');
        for (const button of Object.values(this.buttons)) mention(button, `${button.textContent}: ${this.name}`);
    }

    async #act(name) {
        const button = this.buttons[name];
        if (name === 'open') return this.toggle();
        if (name === 'remove' && this.state && !button.classList.contains('sure')) return this.#confirm(button);
        if (this.#acting) return;
        this.#acting = true;
        try {
            await this.#host.act(this, name);
        } catch (error) {
            if (!(error instanceof HeadwayError)) throw error;
            this.#host.failed(this, error);
        } finally {
            this.#acting = false;
            this.draw();
            // Who came by keyboard stays in the row when the button goes.
            if (button?.hidden && document.activeElement === document.body) this.focus();
        }
    }

    focus() {
        this.element.querySelector('button:not([hidden])')?.focus();
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

    get open() {
        return !this.#parts.inside.hidden;
    }

    toggle() {
        const { inside } = this.#parts;
        inside.hidden = !inside.hidden;
        this.buttons.open.setAttribute('aria-expanded', String(this.open));
        if (this.open) this.#inside.fill(this);
        this.#label();
    }

    /** Whether the document it shows has come to its end. */
    get hasEnded() {
        return this.state !== null && isTerminal(this.state);
    }
}
