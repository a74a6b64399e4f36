// The bar of a document: four segments, one for each stage, which fill and never empty.

import { STAGES, segmentOf } from './words.js';

export const EMPTY_BAR = STAGES.map(() => 0);

/**
 * How full each segment is. Never less than it was, and together never less than the percentage: after a retry the
 * stages count from zero again while the percentage holds, and so does the bar.
 */
export function filled(state, before, status) {
    if (status === 'complete') return STAGES.map(() => 1);
    const now = STAGES.map(({ name }, index) => {
        const stage = state?.stages?.find((stage) => segmentOf(stage.name) === name);
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
