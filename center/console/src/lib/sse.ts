/** Reads `text/event-stream` bit by bit, as the HTML standard says, and also tells of comments, which are heartbeats. */

export interface SseMessage {
  event: string;
  data: string;
  /** The last id seen up to and with this message. */
  id: string;
}

export class SseParser {
  /** The last id seen; sent as `Last-Event-ID` on the next connection. */
  lastId: string;
  /** How long the server wants us to wait before coming back, ms. */
  retryMs: number | undefined;

  #rest = '';
  #event = '';
  #data: string[] = [];
  #idOfMessage: string;

  constructor(lastId = '') {
    this.lastId = lastId;
    this.#idOfMessage = lastId;
  }

  /** Takes the next piece of text and returns the messages that it completes. */
  push(chunk: string): SseMessage[] {
    this.#rest += chunk;
    const messages: SseMessage[] = [];
    for (;;) {
      const end = this.#rest.search(/\r\n|\n|\r(?!$)/);
      if (end < 0) return messages;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + (this.#rest.startsWith('\r\n', end) ? 2 : 1));
      const message = this.#line(line);
      if (message) messages.push(message);
    }
  }

  #line(line: string): SseMessage | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#idOfMessage = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #dispatch(): SseMessage | undefined {
    // An id counts once its message is whole: a connection that breaks inside a message must get that message again.
    this.lastId = this.#idOfMessage;
    const message = this.#data.length > 0 ? { event: this.#event || 'message', data: this.#data.join('\n'), id: this.lastId } : undefined;
    this.#event = '';
    this.#data = [];
    return message;
  }
}
