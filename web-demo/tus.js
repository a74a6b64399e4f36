// The two requests an upload goes on by, as tus 1.0.0 has them: how far it is, and the bytes behind that.

import { HeadwayError, bearer, parsed, refusal, request, unreachable } from './requests.js';

const TUS = { 'Tus-Resumable': '1.0.0' };
const LOOK_MILLISECONDS = 15_000;

/**
 * How many bytes the server has for good, and whether it has all of them (tus 1.0.0, HEAD). A request that still
 * sends some is ended by the server.
 * @returns {Promise<{offset: number, isWhole: boolean}>}
 */
export async function standing(url, { token, signal }) {
    const response = await request(url, { method: 'HEAD', headers: TUS, token, signal });
    const offset = place(response.headers.get('Upload-Offset'));
    return { offset, isWhole: response.headers.has('Document-ID') };
}

/**
 * Sends what is behind `offset` (tus 1.0.0, PATCH) and resolves as `standing` does. By XMLHttpRequest, which alone
 * reports how far it has come: `onSent` is told the bytes of the file that have left, whether they arrive or not.
 * Whenever nothing has left for a while, `isAlive` is asked; when it says no, the connection is given up for lost.
 */
export function append(url, file, offset, { token, onSent, isAlive, signal }) {
    return new Promise((resolve, reject) => {
        const call = new XMLHttpRequest();
        const body = { 'Upload-Offset': offset, 'Content-Type': 'application/offset+octet-stream' };
        const headers = Object.entries({ ...TUS, ...body, ...bearer(token) });
        let seen = Date.now();
        let isAsking = false;
        const look = async () => {
            if (isAsking || Date.now() - seen < LOOK_MILLISECONDS) return;
            isAsking = true;
            if (!(await isAlive().catch(() => false))) giveUp(unreachable());
            seen = Date.now();
            isAsking = false;
        };
        const timer = setInterval(look, 1_000);
        const stop = () => giveUp(signal.reason);
        function giveUp(reason) {
            reject(reason);
            call.abort();
        }
        call.open('PATCH', url);
        for (const [name, value] of headers) call.setRequestHeader(name, value);
        call.upload.onprogress = ({ loaded }) => {
            seen = Date.now();
            onSent(offset + loaded);
        };
        call.onload = () => {
            const isTaken = call.status >= 200 && call.status < 300;
            if (!isTaken) return reject(refusal(call.status, parsed(call.responseText), field('Retry-After')));
            try {
                resolve({ offset: place(field('Upload-Offset')), isWhole: field('Document-ID') !== null });
            } catch (error) {
                reject(error);
            }
        };
        const field = (name) => call.getResponseHeader(name);
        call.onerror = () => reject(unreachable());
        call.onloadend = () => {
            clearInterval(timer);
            signal.removeEventListener('abort', stop);
        };
        signal.addEventListener('abort', stop);
        if (signal.aborted) stop();
        else call.send(file.slice(offset));
    });
}

function place(text) {
    const offset = Number.parseInt(text, 10);
    if (offset >= 0) return offset;
    throw new HeadwayError({ code: 'strange_answer', detail: 'What answers there takes no resumable uploads.' });
}
