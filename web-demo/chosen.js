// A file as a person has chosen it: whether it can be read, and of what type it is.

import { HeadwayError } from './requests.js';

/** Rejects where the browser cannot read the file: a folder, or a file that is gone or was changed. */
export async function openable(file) {
    try {
        await file.slice(0, 1).arrayBuffer();
    } catch (cause) {
        const detail = 'The browser could not open the file: it is a folder, or it was moved or changed.';
        throw new HeadwayError({ code: 'file_unreadable', detail }, { cause });
    }
}

/** Browsers know no type for Markdown and trust the system for the rest; the name knows better. */
export function typeOf(name, declared) {
    const ending = /\.([a-z]+)$/i.exec(name)?.[1].toLowerCase();
    const types = {
        pdf: 'application/pdf', md: 'text/markdown', markdown: 'text/markdown', txt: 'text/plain', csv: 'text/csv',
        html: 'text/html', htm: 'text/html', xhtml: 'application/xhtml+xml', epub: 'application/epub+zip',
        odt: 'application/vnd.oasis.opendocument.text',
        docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    };
    return types[ending] ?? (declared || 'application/octet-stream');
}
