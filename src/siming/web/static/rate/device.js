// The database on the rater's own device: the changes, and nothing else (offline.js says why).
// Nothing here resolves before the disk has it: transactions ask for durability "strict".

const NAME = 'siming-rate'
const VERSION = 2 // 1 held views and videos as well

export class DeviceError extends Error {
  constructor(cause) {
    super(`${cause?.name ?? 'Error'}: ${cause?.message ?? cause}`)
    this.name = 'DeviceError'
    this.full = cause?.name === 'QuotaExceededError'
  }
}

export class Device {
  constructor(database) {
    this.database = database
  }

  static async open(factory = globalThis.indexedDB) {
    if (!factory) throw new DeviceError(new Error('this browser has no IndexedDB'))
    const request = factory.open(NAME, VERSION)
    request.onupgradeneeded = () => {
      const database = request.result
      for (const name of [...database.objectStoreNames]) if (name !== 'changes') database.deleteObjectStore(name)
      if (database.objectStoreNames.contains('changes')) return
      const changes = database.createObjectStore('changes', { keyPath: ['assignment', 'client', 'client_seq'] })
      changes.createIndex('assignment', 'assignment')
    }
    return new Device(await settled(request))
  }

  // Run `work` on the stores in one transaction that is wholly written, or wholly not.
  write(stores, work) {
    return new Promise((resolve, reject) => {
      try {
        const transaction = this.database.transaction(stores, 'readwrite', { durability: 'strict' })
        transaction.oncomplete = () => resolve()
        transaction.onabort = () => reject(new DeviceError(transaction.error))
        transaction.onerror = (event) => event.preventDefault?.()
        work(...[stores].flat().map((name) => transaction.objectStore(name)), transaction)
      } catch (error) {
        reject(new DeviceError(error))
      }
    })
  }

  async read(store, ask) {
    try {
      return await settled(ask(this.database.transaction(store, 'readonly').objectStore(store)))
    } catch (error) {
      throw error instanceof DeviceError ? error : new DeviceError(error)
    }
  }
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(new DeviceError(request.error))
    request.onblocked = () => reject(new DeviceError(new Error('another tab holds an older version of the database')))
  })
}
