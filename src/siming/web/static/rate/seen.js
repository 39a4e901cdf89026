// Which picture was on the screen at a moment that has passed.
//
// The browser says of a picture when it is expected on the screen, but it says so only when the page's script has time,
// and then only of the newest one. So the last pictures are remembered, and what came and went while the script was busy
// is worked out from the video's even run and the screen's even beat before and after.
//
// Moments are milliseconds of performance.now(), the clock of every event's timeStamp.

const KEPT = 120 // two seconds of a usual screen
const ALIKE = 5 // that many pictures before a gap tell how the video ran
const USUAL_BEAT_MS = 1000 / 60
const BEAT_MS = [4, 34] // a refresh of the screen takes no less and no more

export class Seen {
  constructor() {
    this.forget()
  }

  // Another camera: its pictures have other times.
  forget() {
    this.pictures = []
    this.moved = false
  }

  // Take what requestVideoFrameCallback tells; `speed` is the one the video runs at.
  note({ mediaTime, presentationTime, expectedDisplayTime, presentedFrames }, speed) {
    const beat = expectedDisplayTime - presentationTime
    // A machine that cannot keep up hands a picture over later than it was expected to be seen.
    const at = Math.max(expectedDisplayTime, presentationTime)
    this.pictures.push({ at, mediaTime, speed, count: presentedFrames, beat, jumped: this.moved })
    this.moved = false
    if (this.pictures.length > KEPT) this.pictures.shift()
  }

  // The next picture comes from elsewhere in the film, or after a rest: no even run leads to it.
  jump() {
    this.moved = true
  }

  // Has a picture been reported that came on the screen later than this?
  beyond(moment) {
    return this.pictures.length > 0 && this.pictures.at(-1).at > moment
  }

  // Media time of the picture on the screen, or (where it was never reported) a time within it; null before the first.
  at(moment, table) {
    const { pictures } = this
    const after = pictures.findIndex(({ at }) => at > moment)
    const before = after < 0 ? pictures.length - 1 : after - 1
    if (before < 0) return pictures[0]?.mediaTime ?? null
    const [one, next] = [pictures[before], pictures[after]]
    const between = next && next.count - one.count > 1 && !next.jumped && next.speed === one.speed && next.mediaTime > one.mediaTime
    return between ? this.#between(one, next, moment, before, table) : one.mediaTime
  }

  #between(one, next, moment, place, table) {
    const { speed } = one
    const beats = Math.max(1, Math.round((next.at - one.at) / this.#beat(one)))
    const beat = (next.at - one.at) / beats
    const refresh = one.at + Math.floor((moment - one.at) / beat) * beat
    // When a film that ran like this had its beginning. It shifts where the video got stuck or catches up.
    const begun = ({ at, mediaTime }) => at - (mediaTime * 1000) / speed
    const starts = this.#run(place).map(begun).sort((a, b) => a - b)
    const from = starts[starts.length >> 1]
    const start = from + ((begun(next) - from) * (refresh - one.at)) / (next.at - one.at)
    // A picture waits for the next refresh: it comes half a beat after it is due, on the average.
    const reached = ((refresh - start + beat / 2) * speed) / 1000
    const last = table ? table.start(table.at(next.mediaTime) - 1) : next.mediaTime
    return Math.min(Math.max(one.mediaTime, reached), Math.max(one.mediaTime, last))
  }

  // The pictures up to a place that belong to one even run of the video.
  #run(place) {
    const { pictures } = this
    let from = place
    while (from > 0 && place - from < ALIKE && !pictures[from].jumped && pictures[from - 1].speed === pictures[place].speed) from -= 1
    return pictures.slice(from, place + 1)
  }

  #beat({ beat }) {
    return beat >= BEAT_MS[0] && beat <= BEAT_MS[1] ? beat : USUAL_BEAT_MS
  }
}
