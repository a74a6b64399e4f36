// States: which is newer, which is the last, and the percentage that never goes down.

const TERMINAL = new Set(['complete', 'failed', 'cancelled']);
const REMEMBERED_DOCUMENTS_MAX = 2_000;

/** Whether a document in this state has come to its end. */
export function isTerminal(state) {
    return TERMINAL.has(state.status);
}

/** Whether `state` tells something that `than` does not: a later offset, or another epoch. */
export function isNewer(state, than) {
    return !than || state.epoch !== than.epoch || state.offset > than.offset;
}

// What is remembered of a document: the highest percentage given out, and whether a watch has reported bytes.

const remembered = new Map();

export function recall(id) {
    const record = remembered.get(id) ?? { progress: 0, heard: false };
    remembered.delete(id);
    remembered.set(id, record);
    if (remembered.size > REMEMBERED_DOCUMENTS_MAX) remembered.delete(remembered.keys().next().value);
    return record;
}

/** A state that a watch has brought: `steady`, and from now on the server's word counts for the bytes as well. */
export function heard(state) {
    if (state.bytes_received > 0 || state.status !== 'uploading') recall(state.document_id).heard = true;
    return steady(state);
}

/** The state with a percentage that is no lower than any that was given out for this document. */
export function steady(state) {
    const record = recall(state.document_id);
    record.progress = Math.max(record.progress, state.progress ?? 0);
    return record.progress === state.progress ? state : { ...state, progress: record.progress };
}
