// The peer of `scripts/bench` on Node.js with `ws`, at the same three addresses as the other peers.
//
//   node node-ws.js PORT [--deflate]      Debian: nodejs node-ws, NODE_PATH=/usr/share/nodejs
//
//   ws /echo      every message comes back
//   ws /watch     every published message
//   POST /publish the body goes to all who watch, as text
'use strict';

const http = require('http');
const { WebSocket, WebSocketServer } = require('ws');

const port = Number(process.argv[2]);
const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: process.argv.includes('--deflate'),
    maxPayload: 64 * 1024 * 1024,
});
const watchers = new Set();

function publish(message) {
    for (const watcher of watchers) {
        if (watcher.readyState === WebSocket.OPEN) watcher.send(message, { binary: false });
    }
}

const server = http.createServer((request, response) => {
    if (request.method !== 'POST' || request.url !== '/publish') {
        response.writeHead(404, { 'Content-Length': 0 }).end();
        return;
    }
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
        response.writeHead(202, { 'Content-Length': 0 }).end();
        publish(Buffer.concat(pieces));
    });
});
server.keepAliveTimeout = 600_000;

server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('error', () => webSocket.terminate());
        if (request.url === '/echo') {
            webSocket.on('message', (message, isBinary) => webSocket.send(message, { binary: isBinary }));
        } else {
            watchers.add(webSocket);
            webSocket.on('close', () => watchers.delete(webSocket));
        }
    });
});

server.listen({ host: '127.0.0.1', port, backlog: 4096 });
