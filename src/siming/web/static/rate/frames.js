// When each picture of the video is on show. Times are seconds; pictures count from 0.

const SLACK_S = 5e-6 // browsers report whole microseconds, cut off: this little before a picture still means it

export class FrameTable {
  constructor({ time_base: [numerator, denominator], ticks, end }, duration_s) {
    this.starts = ticks.map((tick) => (tick * numerator) / denominator)
    const usual = ticks.length > 1 ? this.starts.at(-1) - this.starts.at(-2) : 0.04
    this.end = end ? (end * numerator) / denominator : Math.max(duration_s ?? 0, this.starts.at(-1) + usual / 2)
  }

  get count() {
    return this.starts.length
  }

  // Number of the picture on show at a time.
  at(seconds) {
    let low = 0
    let high = this.starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.starts[middle] <= seconds + SLACK_S) low = middle
      else high = middle
    }
    return low
  }

  start(number) {
    return this.starts[this.#inside(number)]
  }

  stop(number) {
    return this.starts[this.#inside(number) + 1] ?? this.end
  }

  // Where to seek so that this picture, and no neighbour, is shown: the middle of its stretch.
  middle(number) {
    return (this.start(number) + this.stop(number)) / 2
  }

  #inside(number) {
    return Math.min(Math.max(number, 0), this.starts.length - 1)
  }
}
