/** A short chime for incidents that must interrupt; off, on, or silent for ten minutes. */
import { time } from './clock.svelte.ts';
import type { Severity } from './types.ts';

const REMEMBERED = 'matpho.sound';
/** Long enough to talk on the telephone, too short to be forgotten over a shift. */
export const MUTE_MS = 10 * 60_000;

class Sound {
  on = $state(read());
  mutedUntil = $state(0);
  #context: AudioContext | undefined;

  constructor() {
    // A browser lets a page make sound only after a first click or key; after a reload that has to be waited for.
    const wake = (): void => {
      if (this.on) this.#wake();
    };
    window.addEventListener('pointerdown', wake, { once: true });
    window.addEventListener('keydown', wake, { once: true });
  }

  get muted(): boolean {
    return this.mutedUntil > time.now;
  }

  /** off → on → muted for a while → off. Called from a click, which is what lets a browser make sound. */
  cycle(): void {
    if (!this.on) {
      this.on = true;
      this.mutedUntil = 0;
      this.play('severe');
    } else if (!this.muted) {
      this.mutedUntil = time.now + MUTE_MS;
    } else {
      this.on = false;
      this.mutedUntil = 0;
    }
    try {
      localStorage.setItem(REMEMBERED, this.on ? 'on' : 'off');
    } catch {
      // Not remembered, then.
    }
  }

  #wake(): AudioContext {
    this.#context ??= new AudioContext();
    void this.#context.resume();
    return this.#context;
  }

  /** Two falling tones; three for the extreme. */
  play(severity: Severity): void {
    if (!this.on || this.muted) return;
    try {
      const context = this.#wake();
      const tones = severity === 'extreme' ? [988, 784, 988, 784, 988] : [784, 587];
      tones.forEach((frequency, i) => {
        const from = context.currentTime + i * 0.19;
        const gain = context.createGain();
        gain.gain.setValueAtTime(0, from);
        gain.gain.linearRampToValueAtTime(0.22, from + 0.015);
        gain.gain.exponentialRampToValueAtTime(0.001, from + 0.34);
        const tone = context.createOscillator();
        tone.type = 'triangle';
        tone.frequency.value = frequency;
        tone.connect(gain).connect(context.destination);
        tone.start(from);
        tone.stop(from + 0.36);
      });
    } catch {
      // No audio device: the screen says it all the same.
    }
  }
}

function read(): boolean {
  try {
    return localStorage.getItem(REMEMBERED) === 'on';
  } catch {
    return false;
  }
}

export const sound = new Sound();
