// How fast a document goes: bytes a second while it is sent, pages while it is read.

import { bytes, number } from './words.js';

const WINDOW_MILLISECONDS = 8_000;

export class Rate {
    #samples = [];

    /** Takes a newer state; says whether bytes have arrived since the last one. */
    take(state) {
        const stage = state.stages?.find(({ name }) => name === state.stage);
        const count = state.status === 'uploading' ? state.bytes_received : stage?.done ?? state.pages_done;
        const last = this.#samples.at(-1);
        if (last && (last.stage !== state.stage || last.count > count)) this.#samples = [];
        const now = performance.now();
        if (count != null) this.#samples.push({ stage: state.stage, count, at: now });
        while (this.#samples.length > 2 && now - this.#samples[0].at > WINDOW_MILLISECONDS) this.#samples.shift();
        return !last || last.count !== count;
    }

    /** After a rest it is measured anew. */
    forget() {
        this.#samples = [];
    }

    words(status) {
        if (!['uploading', 'processing'].includes(status) || this.#samples.length < 2) return '';
        const first = this.#samples[0];
        const last = this.#samples.at(-1);
        const seconds = (performance.now() - first.at) / 1000;
        const perSecond = (last.count - first.count) / seconds;
        if (seconds < 0.8 || perSecond <= 0) return '';
        if (status === 'uploading') return `${bytes(perSecond)}/s`;
        const [count, unit] = perSecond < 1.5 ? [Math.ceil(perSecond * 60), 'min'] : [Math.round(perSecond), 's'];
        return `${number(count)} ${count === 1 ? 'page' : 'pages'}/${unit}`;
    }
}
