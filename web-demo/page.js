// The page at Headway's root: what was dropped is sent, what runs is watched, what is done can be looked into. This
// module joins its parts: `sending`, `watching` and `listing` feed the rows, and rows ask them back through here.

import { $, say } from './elements.js';
import { drawSheet, followList, listSoon, wakeList } from './listing.js';
import { connectRows, rows } from './rows.js';
import { ACTS, leave, send } from './sending.js';
import { assignWatches, via, watchRows } from './watching.js';
import { trouble } from './words.js';

connectRows({
    act: (row, name) => ACTS[name](row),
    failed(row, error) {
        if (error.status === 404) leave(row);
        else say(`${row.name}: ${trouble(error).title}. ${trouble(error).next}`);
    },
    via,
    moved: assignWatches,
    drawn: drawSheet,
});

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
    if (target.closest?.('input, textarea, [contenteditable]')) return;
    const text = clipboardData.getData('text/plain');
    if (clipboardData.files.length) send(clipboardData.files, { arePasted: true });
    else if (text.trim()) send([new File([text], 'Pasted text.txt', { type: 'text/plain' })], { arePasted: true });
});

// From a terminal.

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

document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') for (const row of rows) row.mark();
});
watchRows({ whenAssigned: listSoon });
followList();
