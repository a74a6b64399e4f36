// Elements of the page: found, made, written to only where something is new; and what is said aloud.

const ANNOUNCEMENTS_MAX = 3;

export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
}

/** A copy of what stands in a template of the page. */
export function copied(template) {
    return $(template).content.firstElementChild.cloneNode(true);
}

/** Writes where the text is another; says whether it was. */
export function write(element, text) {
    if (element.textContent === text) return false;
    element.textContent = text;
    return true;
}

export function mention(element, label) {
    if (element.getAttribute('aria-label') !== label) element.setAttribute('aria-label', label);
}

/** Sets data attributes; null takes one away. */
export function mark(element, data) {
    for (const [key, value] of Object.entries(data)) {
        if (value == null) delete element.dataset[key];
        else if (element.dataset[key] !== String(value)) element.dataset[key] = value;
    }
}

const unsaid = [];

/** Says it aloud within a second, with what else there is to say, a few at a time. */
export function announce(words) {
    if (unsaid.push(words) > 1) return;
    setTimeout(() => {
        const said = unsaid.splice(0);
        const rest = said.length - ANNOUNCEMENTS_MAX;
        say(rest > 0 ? `${said.slice(-ANNOUNCEMENTS_MAX).join('. ')}. And ${rest} more.` : said.join('. '));
    }, 1_000);
}

export function say(words) {
    $('live').textContent = words;
}
