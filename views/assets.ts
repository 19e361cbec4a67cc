import { createHash } from 'node:crypto'
import { brotliCompressSync, gzipSync } from 'node:zlib'

/** A static file ready to be sent. */
export interface Served {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

export interface Assets {
  /** Address of a file, with the hash of its content in the name; an unknown name throws. */
  urlOf(name: string): string
  /** What an address answers, compressed as `Accept-Encoding` allows; undefined: not found. */
  serve(path: string, acceptEncoding?: string): Served | undefined
}

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}
const HASH_CHARACTERS = 12
const ENCODINGS = ['br', 'gzip', 'identity'] as const
type Encoding = (typeof ENCODINGS)[number]

interface Asset {
  readonly url: string
  readonly bodies: Readonly<Record<Encoding, Buffer>>
  readonly headers: Readonly<Record<string, string>>
}

/** Hashes and compresses the files once. `base` is the folder of their addresses, `/assets/`. */
export function createAssets(files: ReadonlyMap<string, string>, base: string): Assets {
  const byName = new Map([...files].map(([name, text]) => [name, createAsset(name, text, base)]))
  const byUrl = new Map([...byName.values()].map((asset) => [asset.url, asset]))
  return {
    urlOf(name) {
      const asset = byName.get(name)
      if (!asset) throw new Error(`no static file ${name}`)
      return asset.url
    },
    serve(path, acceptEncoding = '') {
      const asset = byUrl.get(path)
      return asset && answer(asset, acceptEncoding)
    },
  }
}

function createAsset(name: string, text: string, base: string): Asset {
  const body = Buffer.from(text)
  const hash = createHash('sha256').update(body).digest('hex').slice(0, HASH_CHARACTERS)
  const dot = name.lastIndexOf('.')
  const type = TYPES[name.slice(dot + 1)]
  if (!type) throw new Error(`no media type for ${name}`)
  return {
    url: `${base}${name.slice(0, dot)}.${hash}${name.slice(dot)}`,
    bodies: { br: brotliCompressSync(body), gzip: gzipSync(body), identity: body },
    headers: {
      'content-type': type,
      // The name changes with the content, so that a copy is good for ever (RFC 8246).
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      vary: 'accept-encoding',
      etag: `"${hash}"`,
    },
  }
}

function answer(asset: Asset, acceptEncoding: string): Served {
  const encoding = ENCODINGS.find((name) => accepts(acceptEncoding, name)) ?? 'identity'
  if (encoding === 'identity') return { body: asset.bodies.identity, headers: asset.headers }
  const etag = `${asset.headers['etag']?.slice(0, -1)}-${encoding}"`
  return {
    body: asset.bodies[encoding],
    headers: { ...asset.headers, etag, 'content-encoding': encoding },
  }
}

/** RFC 9110 §12.5.3, as far as browsers use it: a listed coding whose weight is not zero. */
function accepts(acceptEncoding: string, name: Encoding): boolean {
  return acceptEncoding
    .split(',')
    .map((item) =>
      item
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/),
    )
    .some(([coding, weight]) => coding === name && !/^q=0(\.0*)?$/.test(weight ?? ''))
}
