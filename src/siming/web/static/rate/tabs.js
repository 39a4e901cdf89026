// One client id per tab and assignment. The id is kept alive by a lock of the browser, which ends with the tab however
// the tab ends: a tab opened after a crash takes the id of the dead one and goes on with its changes and its history.

const held = (client) => `siming.rate.client.${client}`

export async function takeClient(assignment, records, { locks = navigator.locks, session = sessionStorage } = {}) {
  const key = `siming.rate.client.${assignment}`
  const latest = new Map()
  for (const { client, at } of records) if (at > (latest.get(client) ?? '')) latest.set(client, at)
  const dead = [...latest.keys()].sort((a, b) => (latest.get(a) < latest.get(b) ? 1 : -1))
  // A tab that was duplicated brings its twin's id along: the lock tells them apart.
  for (const client of [session.getItem(key), ...dead].filter(Boolean)) {
    if (await hold(locks, held(client))) {
      session.setItem(key, client)
      return client
    }
  }
  const client = newId('c')
  await hold(locks, held(client))
  session.setItem(key, client)
  return client
}

// Take a lock for as long as this page lives; false where another tab has it.
export function hold(locks, name) {
  if (!locks) return Promise.resolve(true) // an address without https on another machine: no locks, no offline work
  return new Promise((resolve) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock && new Promise(() => {})
      })
      .catch(() => resolve(false))
  })
}

export function newId(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return `${prefix}_${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

// A hint between the tabs of one browser that the pen has gone elsewhere; the server's lease decides.
export class Hints extends EventTarget {
  constructor(assignment, client) {
    super()
    this.client = client
    this.channel = globalThis.BroadcastChannel ? new BroadcastChannel(`siming.rate.${assignment}`) : null
    if (this.channel) {
      this.channel.onmessage = ({ data }) => {
        if (data.client !== client) this.dispatchEvent(new CustomEvent(data.kind))
      }
    }
  }

  say(kind) {
    this.channel?.postMessage({ kind, client: this.client })
  }
}
