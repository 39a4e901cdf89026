// Keeps what the rating page is made of, so that an opened attempt can be loaded again without a network.
// What a person entered is not its business (that lies in the device's database), and neither are API and video.

const PAGES = 'siming-pages-1'
const SHELF = 'siming-shelf-1' // opened attempts and videos: rate/offline.js fills it
const PATIENCE_MS = 4000
const NO_NETWORK = '/rate-offline'
const ALWAYS = [NO_NETWORK, '/static/rate_offline.js', '/static/rate/offline.js', '/static/rate/device.js']

self.addEventListener('install', (event) => {
  event.waitUntil(keep(ALWAYS).then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

// A rating page that was loaded before the worker stood tells what it consists of.
self.addEventListener('message', (event) => {
  const { data } = event
  if (data?.keep) event.waitUntil(keep([data.keep, ...ALWAYS, ...(data.scripts ?? [])]))
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (origin !== self.location.origin) return
  // Whoever signs out leaves no pages, attempts or videos behind for the next person at this device. Changes stay: they
  // may not have been sent yet, and only their own person's page reads them.
  if (request.method === 'POST' && pathname === '/sign-out') event.waitUntil(Promise.all([caches.delete(PAGES), caches.delete(SHELF)]))
  if (request.method !== 'GET') return
  if (pathname.startsWith('/static/')) event.respondWith(fresh(request, pathname))
  else if (request.mode === 'navigate' && /^\/rate\/[^/]+$/.test(pathname)) event.respondWith(page(request, pathname))
  else if (request.mode === 'navigate' && /^\/(queue|rate\/.*)?$/.test(pathname)) event.respondWith(fetch(request).catch(noNetwork))
})

async function keep(paths) {
  const cache = await caches.open(PAGES)
  await Promise.all(paths.map(async (path) => {
    try {
      const response = await fetch(path, { credentials: 'same-origin', cache: 'no-store' })
      if (response.ok && !response.redirected) await cache.put(bare(path), response)
    } catch {
      // No network just now: what was kept before stays.
    }
  }))
}

// The network's answer, kept for later; the kept one where the network does not answer in time.
async function fresh(request, pathname) {
  const cache = await caches.open(PAGES)
  const kept = await cache.match(pathname)
  try {
    const response = await (kept ? inTime(fetch(request)) : fetch(request))
    if (response.ok && !response.redirected) cache.put(pathname, response.clone())
    else if (response.status >= 500 && kept) return kept
    return response
  } catch {
    return kept ?? Response.error()
  }
}

async function page(request, pathname) {
  const response = await fresh(request, pathname)
  return response.type === 'error' ? noNetwork() : response
}

// In place of the browser's own page: what is safe, and the way back to the attempts that lie on this device.
async function noNetwork() {
  return (await (await caches.open(PAGES)).match(NO_NETWORK)) ?? Response.error()
}

function inTime(answer) {
  return Promise.race([answer, new Promise((_, reject) => setTimeout(() => reject(new Error('too slow')), PATIENCE_MS))])
}

// Addresses of scripts carry a version; whatever version is asked for without a network, the kept one is right.
function bare(path) {
  return path.split('?')[0]
}
