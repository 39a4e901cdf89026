// Work without a network: the page itself through the service worker, the opened attempt and, where it is small enough or
// asked for, its video on the device's shelf.

import { DeviceError } from './device.js'

const SHELF = 'siming-shelf-1' // the service worker empties it when a person signs out
const SMALL_BYTES = 200 * 1024 * 1024 // kept without asking: some ten minutes of a derivative

// Register the worker that keeps the page and its scripts. False where the browser or the address does not allow it.
export async function keepPage(address = '/static/sw.js') {
  if (!navigator.serviceWorker) return false
  try {
    await navigator.serviceWorker.register(address, { scope: '/' })
    const { active } = await navigator.serviceWorker.ready
    active.postMessage({ keep: location.pathname, scripts: scriptsLoaded() })
    return true
  } catch {
    return false
  }
}

function scriptsLoaded() {
  const addresses = performance.getEntriesByType('resource').map(({ name }) => new URL(name))
  return addresses.filter(({ origin, pathname }) => origin === location.origin && pathname.startsWith('/static/')).map(({ pathname, search }) => pathname + search)
}

// What an opened attempt needs without a network: its view, its videos and their tables of pictures.
//
// It lies in Cache Storage and not beside the changes in IndexedDB. Chromium keeps records above 64 KiB of a database in
// files of their own, and a browser that is killed while it writes one can find the whole database corrupt when it starts
// again, and empties it. Whatever is lost here the server has; a change it may not have.
export class Shelf {
  constructor(storage = globalThis.caches) {
    this.storage = storage // an address without https on another machine has none: no work without a network
    this.last = Promise.resolve()
  }

  // The attempt as last opened here; of views given in quick succession the last one stays.
  keepView(assignment, kept) {
    const put = () => this.#put(viewOf(assignment), new Response(JSON.stringify(kept), JSON_TYPE))
    this.last = this.last.then(put, put)
    return this.last
  }

  async view(assignment) {
    return (await (await this.#found(viewOf(assignment)))?.json()) ?? null
  }

  keepTable(sha256, table) {
    return this.#put(tableOf(sha256), new Response(JSON.stringify(table), JSON_TYPE))
  }

  async table(sha256) {
    return (await (await this.#found(tableOf(sha256)))?.json()) ?? null
  }

  async video(sha256) {
    return (await (await this.#found(videoOf(sha256)))?.blob()) ?? null
  }

  async holdsVideo(sha256) {
    return (await this.#found(videoOf(sha256))) !== undefined
  }

  async dropVideo(sha256) {
    const cache = await this.storage?.open(SHELF)
    await Promise.all([videoOf(sha256), tableOf(sha256)].map((name) => cache?.delete(name)))
  }

  // Let go of what the server does not give this person any more: a film that was held back, exchanged or handed in, an
  // attempt that was withdrawn. `listed` are the films of the attempt that may stay, null where nothing of it may.
  async letGo(assignment, listed) {
    const kept = await this.view(assignment)
    const stay = new Set((listed ?? []).map(({ sha256 }) => sha256))
    const gone = (kept?.view?.media ?? []).filter(({ sha256 }) => !stay.has(sha256))
    await Promise.all(gone.map(({ sha256 }) => this.dropVideo(sha256)))
    if (listed === null) await (await this.storage?.open(SHELF))?.delete(viewOf(assignment))
  }

  // The same after the server was asked for the attempt: `view` is its answer, `error` what it said instead. Whoever has
  // changes left to hand over keeps the view, which holds the ticket for that.
  async follow(assignment, { view, error, unsent = 0 }) {
    const over = view ? view.read_only || view.state === 'submitted' || view.state === 'withdrawn' : isGone(error)
    if (over) await this.letGo(assignment, unsent ? [] : null)
    else if (view) await this.letGo(assignment, view.media)
  }

  // Assignments whose view lies here.
  async views() {
    const requests = (await (await this.storage?.open(SHELF))?.keys()) ?? []
    const paths = requests.map(({ url }) => new URL(url).pathname)
    return new Set(paths.filter((path) => path.startsWith(viewOf(''))).map((path) => decodeURIComponent(path.slice(viewOf('').length))))
  }

  // Fetch a video whole and keep it; false where it is too large to be kept unasked.
  async fetchVideo(media, { asked = false, onProgress = () => {} } = {}) {
    if (!this.storage || (!asked && !(await fits(media)))) return false
    const response = await fetch(media.url, { cache: 'no-store' })
    if (!response.ok) throw new Error(`video: status ${response.status}`)
    const size = Number(response.headers.get('Content-Length')) || 0
    let received = 0
    const counted = response.body.pipeThrough(
      new TransformStream({
        transform(part, controller) {
          received += part.length
          onProgress(size ? received / size : null)
          controller.enqueue(part)
        },
        flush() {
          if (size && received !== size) throw new Error(`video: ${received} of ${size} bytes came`)
        },
      }),
    )
    await this.#put(videoOf(media.sha256), new Response(counted, { headers: { 'Content-Type': response.headers.get('Content-Type') ?? 'video/mp4' } }))
    return true
  }

  async #found(name) {
    return (await this.storage?.open(SHELF))?.match(name)
  }

  async #put(name, response) {
    try {
      await (await this.storage?.open(SHELF))?.put(name, response)
    } catch (error) {
      throw new DeviceError(error)
    }
  }
}

// Whether an answer of the server says that this person has no business with the attempt, now or any more.
export function isGone({ status, kind }) {
  return [403, 404, 410].includes(status) || (status === 409 && kind === 'state')
}

const JSON_TYPE = { headers: { 'Content-Type': 'application/json' } }
const viewOf = (assignment) => `/kept/view/${encodeURIComponent(assignment)}`
const tableOf = (sha256) => `/kept/table/${encodeURIComponent(sha256)}`
const videoOf = (sha256) => `/kept/video/${encodeURIComponent(sha256)}`

// Whether a film is small enough, and the device has room enough, to keep it without asking.
async function fits(media) {
  const { ok, headers } = await fetch(media.url, { method: 'HEAD', cache: 'no-store' })
  const size = ok ? Number(headers.get('Content-Length')) : 0
  return size > 0 && size <= SMALL_BYTES && (await freeBytes()) >= size * 2
}

async function freeBytes() {
  const { quota = 0, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {}
  return quota - usage
}
