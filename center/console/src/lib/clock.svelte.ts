/** The centre's time, ticking each second. Ages are told by the centre's clock: a desk whose own clock is wrong must not lie. */
class Clock {
  /** Milliseconds since 1970 at the centre. */
  now = $state(Date.now());
  /** How far the centre's clock is ahead of this machine's, ms. */
  #ahead = 0;
  #known = false;

  constructor() {
    setInterval(() => (this.now = Date.now() + this.#ahead), 1000);
  }

  /** An answer of the centre said what time it is there; small differences are rounding and travel. */
  setAhead(ms: number): void {
    if (this.#known && Math.abs(ms - this.#ahead) < 1500) return;
    this.#known = true;
    this.#ahead = Math.abs(ms) < 1500 ? 0 : ms;
    this.now = Date.now() + this.#ahead;
  }
}

export const time = new Clock();
