// Brings the journal's changes to the server, in order, as often as it takes.
//
// Says: "saved" (acknowledged), "link" (online or not), "signed-out", "stale" (another tab or device writes now),
// "refused" (one change was wrong), "stopped" (the server cannot write), "closed" (no more changes are taken).

import { ApiError, NoNetwork } from './api.js'
import { wire } from './journal.js'

const BATCH = 40
const BATCH_CHARS = 200_000 // far below the server's 1 MB for one request
const HEARTBEAT_MS = 15_000
const LONGEST_WAIT_MS = 30_000

export class Sender extends EventTarget {
  constructor(journal, api, { heartbeat_ms = HEARTBEAT_MS } = {}) {
    super()
    this.journal = journal
    this.api = api
    this.fence = null
    this.state = 'waiting' // waiting (not opened yet), running, paused (someone must act first)
    this.online = true
    this.savedAt = null
    this.failures = 0
    this.busy = false
    this.largest = BATCH
    addEventListener('online', () => this.kick(true))
    setInterval(() => this.#beat(), heartbeat_ms)
  }

  // `fence` is what the server gave to whoever writes now; without one only what was made before is sent.
  start(fence) {
    this.fence = fence
    this.state = 'running'
    this.failures = 0
    this.kick(true)
  }

  pause() {
    this.state = 'paused'
  }

  // There is something to send, or (`now`) a reason to try at once. `wait_ms` lets a few changes share a request.
  kick(now = false, wait_ms = 120) {
    if (this.state !== 'running') return
    if (this.timer && !now && this.failures) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.#run(), now ? 0 : wait_ms)
  }

  #beat() {
    if (this.state === 'running' && this.fence !== null && !this.busy && !this.timer && document.visibilityState === 'visible') this.#post([])
  }

  async #run() {
    this.timer = null
    if (this.busy || this.state !== 'running') return
    const batch = this.#batch()
    if (!batch.length) return
    await this.#post(batch)
  }

  // The first unsent changes that were made under one fence: a request speaks for one writer.
  #batch() {
    const unsent = this.journal.ready.slice(0, this.largest)
    const batch = []
    let chars = 0
    for (const record of unsent) {
      chars += JSON.stringify(record.value ?? null).length + 200
      if (batch.length && (record.fence !== batch[0].fence || chars > BATCH_CHARS)) break
      batch.push(record)
    }
    return batch
  }

  async #post(batch) {
    this.busy = true
    // Once a request has carried a change the server may have it, whatever becomes of the answer.
    for (const record of batch) record.taken = true
    try {
      const fence = batch[0]?.fence ?? this.fence
      const unsent = this.journal.unsent.length - batch.length
      const answer = await this.api.send({ client: this.journal.client, fence, unsent, changes: batch.map(wire) })
      await this.journal.mark(answer.acked, 'sent', { seq: answer.seq })
      this.failures = 0
      this.largest = BATCH
      if (batch.length) this.savedAt = answer.saved_at
      this.#link(true)
      this.#say('saved', answer)
    } catch (error) {
      await this.#failed(error, batch)
    } finally {
      this.busy = false
      // What came in while the line was taken, be it by a sign of life only.
      if (this.state === 'running' && this.journal.ready.length && !this.timer) this.kick()
    }
  }

  async #failed(error, batch) {
    if (error instanceof NoNetwork) {
      this.#link(false)
      return this.#later()
    }
    if (!(error instanceof ApiError)) {
      // The device's own disk failed while marking what was sent: nothing is lost, and the controller stops editing.
      this.#say('device', error)
      return this.#later()
    }
    this.#link(true)
    const { status, kind } = error
    if (status === 401 || (status === 403 && error.code.includes('csrf'))) {
      this.pause()
      this.#say('signed-out', error)
    } else if (status === 409 && error.detail.kept_aside?.length) {
      this.pause()
      await this.journal.mark(error.detail.kept_aside, 'aside')
      this.#say(kind === 'stale_writer' ? 'stale' : 'closed', error)
    } else if (status === 409 && kind === 'stale_writer') {
      this.pause() // a sign of life was enough to learn it
      this.#say('stale', error)
    } else if (status === 409 || status === 403 || status === 404 || status === 410) {
      this.pause()
      this.#say('closed', error)
    } else if (status === 413 && batch.length > 1) {
      this.largest = Math.ceil(batch.length / 2)
      this.kick(true)
    } else if (status === 422 || status === 413 || status === 400) {
      await this.#oneWrong(error, batch)
    } else if (status === 429) {
      this.#later(error.retryAfter)
    } else {
      this.#say('stopped', error)
      this.#later()
    }
  }

  // Nothing of a batch with a wrong change was stored: send them one by one until the wrong one is alone.
  async #oneWrong(error, batch) {
    if (batch.length > 1) {
      this.largest = 1
      return this.kick(true)
    }
    if (batch.length) {
      await this.journal.mark([batch[0].client_seq], 'refused', { refusal: error.message })
      this.#say('refused', { record: batch[0], error })
    }
    this.kick(true)
  }

  // Wait longer each time, and never all devices of a room at the same moment.
  #later(seconds) {
    this.failures += 1
    const wait = seconds ? seconds * 1000 : Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (this.failures - 1))
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.#retry(), wait * (0.75 + Math.random() / 2))
  }

  #retry() {
    this.timer = null
    if (this.journal.ready.length) this.#run()
    else if (this.state === 'running' && this.fence !== null) this.#post([])
  }

  #link(online) {
    if (this.online === online) return
    this.online = online
    this.#say('link', online)
  }

  #say(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }))
  }
}
