// The rows of the page: which there are, in what order, and when they are drawn.

import { $ } from './elements.js';
import { Row } from './row.js';

const HIDDEN_FRAME_MILLISECONDS = 250;
const rowsElement = $('rows');
const rowOf = new WeakMap();
const marked = new Set();
let frame = null;
let timer = null;

/** @type {Set<Row>} */
export const rows = new Set();
/** @type {Map<string, Row>} */
export const byId = new Map();

const host = { soon: drawSoon, known: (row) => byId.set(row.id, row) };
let changed = () => {};
let drawn = () => {};

/**
 * What rows need of the page: `act`, `failed`, `via` as a row asks for them; `moved` is told when one has come to
 * another stage, or is there no more; `drawn` after each frame.
 */
export function connectRows({ act, failed, via, moved, drawn: afterFrame }) {
    Object.assign(host, { act, failed, via, moved });
    changed = moved;
    drawn = afterFrame;
}

/** A row that stands nowhere yet: `prepend`, `placeByAge` or `replaceRow`. */
export function newRow(name) {
    const row = new Row(name, host);
    rows.add(row);
    rowOf.set(row.element, row);
    return row;
}

export function prepend(added) {
    rowsElement.prepend(...added.map((row) => row.element));
    added.forEach((row) => row.mark());
}

/** A row for a document that others have made, before the first that is older. */
export function placeByAge(state) {
    const row = newRow(state.name || 'Untitled');
    row.apply(state);
    const older = ({ state: other }) => other && other.created_at < state.created_at;
    const after = [...rowsElement.children].find((element) => older(rowOf.get(element)));
    rowsElement.insertBefore(row.element, after ?? null);
    return row;
}

export function replaceRow(row, next) {
    const hadFocus = row.element.contains(document.activeElement);
    row.element.replaceWith(next.element);
    if (hadFocus) next.buttons.cancel.focus();
    dropRow(row);
    next.mark();
}

export function dropRow(row) {
    rows.delete(row);
    if (byId.get(row.id) === row) byId.delete(row.id);
    if (row.element.contains(document.activeElement)) {
        const near = row.element.nextElementSibling ?? row.element.previousElementSibling;
        (near?.querySelector('button:not([hidden])') ?? $('files')).focus();
    }
    row.leave();
    changed(row);
    drawSoon(null);
}

// Drawing: at most once a frame, only what changed, and slowly where nobody looks.

export function drawSoon(row) {
    if (marked.size === 0) {
        // A frame that was asked for never comes where the page is hidden meanwhile; its title is seen even there.
        frame = requestAnimationFrame(drawMarked);
        timer = setTimeout(drawMarked, HIDDEN_FRAME_MILLISECONDS);
    }
    marked.add(row);
}

function drawMarked() {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    const all = [...marked];
    marked.clear();
    for (const row of all) if (rows.has(row)) row.draw();
    drawTitle();
    drawn();
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
    for (const row of rows) {
        // What waits for a moment tells how long; the words of the others change with their state alone.
        if (row.kept || row.upload?.phase === 'retrying') row.draw();
        else if (row.running) row.drawFigures();
    }
}, 1_000);
setInterval(() => {
    for (const row of rows) if (!row.running) row.drawFigures();
}, 30_000);
