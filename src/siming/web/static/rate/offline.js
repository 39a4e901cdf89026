// Work without a network: the page itself through the service worker, the opened attempt and, where it is small enough or
// asked for, its video in the device's database.

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

export class Shelf {
  constructor(device) {
    this.device = device
  }

  // The attempt as last opened here.
  keepView(assignment, kept) {
    return this.device.write('views', (store) => store.put({ ...kept, assignment }))
  }

  view(assignment) {
    return this.device.read('views', (store) => store.get(assignment))
  }

  async video(sha256) {
    const kept = await this.device.read('videos', (store) => store.get(sha256))
    return kept?.blob ?? null
  }

  async videosKept() {
    return new Set(await this.device.read('videos', (store) => store.getAllKeys()))
  }

  dropVideo(sha256) {
    return this.device.write('videos', (store) => store.delete(sha256))
  }

  // Fetch a video whole and keep it; null where it is too large to be kept unasked.
  async fetchVideo(media, { asked = false, onProgress = () => {} } = {}) {
    const response = await fetch(media.url, { cache: 'no-store' })
    if (!response.ok) throw new Error(`video: status ${response.status}`)
    const size = Number(response.headers.get('Content-Length')) || 0
    if (!asked && (!size || size > SMALL_BYTES || (await freeBytes()) < size * 2)) {
      await response.body?.cancel()
      return null
    }
    const parts = []
    let received = 0
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read()
      if (done) break
      parts.push(value)
      received += value.length
      onProgress(size ? received / size : null)
    }
    if (size && received !== size) throw new Error(`video: ${received} of ${size} bytes came`)
    const blob = new Blob(parts, { type: response.headers.get('Content-Type') ?? 'video/mp4' })
    await this.device.write('videos', (store) => store.put({ sha256: media.sha256, blob }))
    return blob
  }
}

async function freeBytes() {
  const { quota = 0, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {}
  return quota - usage
}
