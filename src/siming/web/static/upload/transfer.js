// One file on its way to the server, in chunks. Says "progress" after each chunk, "change" when its state changes.
//
// The server's offset is the truth: after anything went wrong the transfer asks for it and goes on from there.

const WAITS_S = [1, 2, 4, 8, 15, 30]

export class Refused extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? `HTTP ${status}`)
    this.status = status
    this.code = body?.error?.code
    this.kind = body?.error?.kind
    this.detail = body?.error?.detail ?? {}
  }
}

// JSON to and from the server; throws Refused for an answer that is not 2xx, TypeError without a network.
export async function ask(method, address, csrf, body, headers = {}, signal = undefined) {
  const raw = body instanceof Blob
  const response = await fetch(address, {
    method,
    signal,
    headers: { 'X-CSRF-Token': csrf, ...(body && !raw ? { 'Content-Type': 'application/json' } : {}), ...headers },
    body: raw || body === undefined ? body : JSON.stringify(body),
  })
  const answer = response.status === 204 ? null : await response.json().catch(() => null)
  if (!response.ok) throw new Refused(response.status, answer)
  return answer
}

// By what a file is known again after a reload: its name, size and date, and its first and last bytes where the browser
// may hash (https and loopback).
export async function fingerprintOf(file) {
  const plain = `${file.name.slice(-60)}|${file.size}|${file.lastModified}`
  if (!globalThis.crypto?.subtle) return plain
  const ends = new Blob([file.slice(0, 1 << 18), file.slice(Math.max(0, file.size - (1 << 18)))])
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await ends.arrayBuffer()))
  return `${file.size}|${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

export class Transfer extends EventTarget {
  // `status`: what the server says of the upload; `file`: null until the same file is chosen again after a reload.
  constructor(status, file, csrf) {
    super()
    this.status = status
    this.file = file
    this.csrf = csrf
    this.paused = false
    this.running = false
    this.trouble = null
    this.bytesPerS = null
  }

  get address() { return `/api/v1/uploads/${this.status.id}` }
  get sending() { return this.status.state === 'receiving' }
  get ended() { return ['done', 'failed', 'cancelled'].includes(this.status.state) }

  async run() {
    if (this.running || !this.file || !this.sending) return
    this.running = true
    this.paused = false
    this.trouble = null
    this.say('change')
    for (let tries = 0; this.sending && !this.paused;) {
      try {
        await this.sendChunk()
        tries = 0
      } catch (error) {
        if (this.paused) break
        if (!await this.recover(error, tries)) break
        tries += 1
      }
    }
    this.running = false
    this.say('change')
  }

  async sendChunk() {
    const from = this.status.offset
    const began = performance.now()
    this.stopper = new AbortController()
    const piece = this.file.slice(from, Math.min(this.file.size, from + this.status.chunk_bytes))
    const headers = { 'Upload-Offset': String(from), 'Content-Type': 'application/offset+octet-stream' }
    this.take(await ask('PATCH', this.address, this.csrf, piece, headers, this.stopper.signal))
    const rate = (this.status.offset - from) / ((performance.now() - began) / 1000)
    this.bytesPerS = this.bytesPerS === null ? rate : 0.7 * this.bytesPerS + 0.3 * rate
    this.say('progress')
  }

  // Whether to go on: the server was away, or the offset had moved.
  async recover(error, tries) {
    if (error.name === 'NotReadableError' || error.name === 'NotFoundError') {
      this.trouble = 'file_gone'
      return false
    }
    if (error instanceof Refused && error.kind === 'offset') {
      this.status.offset = error.detail.offset
      return tries < WAITS_S.length
    }
    const passing = !(error instanceof Refused) || error.status >= 500 || error.status === 429 || error.kind === 'leased'
    if (!passing || error.status === 507) {
      this.trouble = error.message
      await this.refresh().catch(() => {})
      return false
    }
    this.trouble = 'waiting'
    this.say('change')
    await this.rest(WAITS_S[Math.min(tries, WAITS_S.length - 1)])
    if (this.paused) return false
    const known = await this.refresh().catch(() => false)
    if (known) this.trouble = null
    return true
  }

  // Waits; a connection that comes back, or a pause, ends the wait.
  rest(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000)
      this.wake = () => { clearTimeout(timer); resolve() }
      addEventListener('online', this.wake, { once: true })
    })
  }

  pause() {
    this.paused = true
    this.stopper?.abort()
    this.wake?.()
    this.say('change')
  }

  async cancel() {
    this.pause()
    this.take(await ask('DELETE', this.address, this.csrf))
    this.say('change')
  }

  async refresh() {
    this.take(await ask('GET', this.address, this.csrf))
    this.say('progress')
    return true
  }

  take(status) {
    const changed = status.state !== this.status.state
    this.status = status
    if (changed) this.say('change')
  }

  say(what) { this.dispatchEvent(new Event(what)) }
}
