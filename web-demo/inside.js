// What is inside a document: its first chunks with their vectors, its details, its files.

import { token } from './access.js';
import { copied, make, write } from './elements.js';
import { result } from './headway.js';
import { details, number } from './words.js';

const CHUNKS_SHOWN = 5;
const STROKES = 64;

export class Inside {
    #box;
    #chunks = null;

    constructor(box) {
        this.#box = box;
    }

    fill(row) {
        this.#box.replaceChildren();
        if (row.status === 'complete') this.#box.append(this.#look(row.id));
        this.#box.append(make('dl', { className: 'details' }), links(row));
        this.fillDetails(row.state);
    }

    fillDetails(state) {
        const box = this.#box.querySelector('.details');
        if (!box) return;
        const pairs = details(state);
        if (box.children.length !== pairs.length) {
            const width = ([, value]) => ({ className: value.length > 30 ? 'wide' : '' });
            box.replaceChildren(...pairs.map((pair) => make('div', width(pair), make('dt'), make('dd'))));
        }
        pairs.forEach(([term, value], index) => {
            write(box.children[index].firstChild, term);
            write(box.children[index].lastChild, value);
        });
    }

    #look(id) {
        const note = make('p', { className: 'look-note', textContent: 'Opening…' });
        const box = make('div', { className: 'look' }, note);
        const show = (chunks) => {
            const count = chunks.length < CHUNKS_SHOWN ? 'All' : 'The first';
            const length = number(chunks[0]?.embedding.length ?? 0);
            const noun = chunks.length === 1 ? 'chunk, with its vector' : 'chunks, each with its vector';
            note.textContent = `${count} ${chunks.length} ${noun} of ${length} numbers`;
            box.append(make('ol', { className: 'chunks' }, ...chunks.map(chunkElement)));
        };
        this.#chunks ??= result(id, { limit: CHUNKS_SHOWN, token: token() });
        this.#chunks.then(show, (error) => {
            this.#chunks = null;
            note.textContent = `The chunks could not be opened: ${error.message}`;
        });
        return box;
    }
}

function links({ id, status, bytesWhole }) {
    const at = `v1/documents/${encodeURIComponent(id)}`;
    const all = [['State as JSON', at]];
    if (status === 'complete') all.unshift(['All chunks', `${at}/result`], ['Text', `${at}/text`]);
    if (bytesWhole) all.push(['Original file', `${at}/content`]);
    const anchors = all.map(([textContent, href]) => make('a', { textContent, href, target: '_blank' }));
    return make('p', { className: 'links' }, ...anchors);
}

function chunkElement({ index, page_start: from, page_end: to, text, embedding }) {
    const element = copied('chunk');
    const span = from === to ? `Page ${from}` : `Pages ${from}–${to}`;
    element.querySelector('.span').textContent = from == null ? `Chunk ${index + 1}` : span;
    element.querySelector('.text').textContent = text;
    element.querySelector('path').setAttribute('d', glyph(embedding));
    return element;
}

/** A vector as a row of strokes about a middle line: each the strongest number of its group. */
function glyph(vector) {
    const group = Math.max(1, Math.ceil(vector.length / STROKES));
    const strongest = [];
    for (let start = 0; start < vector.length; start += group) {
        strongest.push(vector.slice(start, start + group).reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0));
    }
    const most = Math.max(1e-9, ...strongest.map(Math.abs));
    const stroke = (value, place) => `M${place * 3 + 1.5} 14v${((-13 * value) / most || 0.1).toFixed(2)}`;
    return strongest.map(stroke).join('');
}
