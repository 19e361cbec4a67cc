import { DOMParser, type Element, type Node } from '@xmldom/xmldom'
import { KeyFileRefusal } from './key_entry.ts'

/** An element of a parsed file: no comments, no processing instructions, no entities. */
export interface XmlElement {
  /** Without prefix. */
  readonly name: string
  readonly namespace: string | null
  readonly line: number
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** Of an element without elements in it, else empty. */
  readonly text: string
}

/** PSKC needs 9 (RFC 6030, figure 7). */
const DEPTH_MAX = 32
/** Elements, comments and the like. One key takes some 20, in some 700 of the largest file's bytes. */
const NODES_MAX = 400_000
const TAG_CHARACTERS_MAX = 4_000

/** What is passed over, from its first characters to its last. */
const PASSED_OVER = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const

const TAG = /<(\/?)(?:[^<>"']|"[^"<]*"|'[^'<]*')*>/y
const NOT_XML = 'is not well-formed XML'
const DTD = 'has a document type or entities (<!…>), which PSKC does not need and we do not read'

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length

const refuseAt = (text: string, offset: number, message: string): never => {
  throw new KeyFileRefusal(message, lineAt(text, offset))
}

interface Markup {
  readonly end: number
  /** 1: opens an element, -1: closes one, 0: neither. */
  readonly depth: -1 | 0 | 1
  readonly nodes: 0 | 1
}

const tagAt = (text: string, at: number): Markup => {
  const piece = text.slice(at, at + TAG_CHARACTERS_MAX)
  TAG.lastIndex = 0
  const [tag, slash] = TAG.exec(piece) ?? []
  if (tag === undefined) {
    const whole = piece.length < TAG_CHARACTERS_MAX
    const long = `has a tag of more than ${TAG_CHARACTERS_MAX} characters`
    return refuseAt(text, at, whole ? NOT_XML : long)
  }
  const end = at + tag.length
  if (slash === '/') {
    return { end, depth: -1, nodes: 0 }
  }
  return { end, depth: tag.endsWith('/>') ? 0 : 1, nodes: 1 }
}

const markupAt = (text: string, at: number): Markup => {
  const over = PASSED_OVER.find(([begin]) => text.startsWith(begin, at))
  if (over === undefined) {
    return text.startsWith('<!', at) ? refuseAt(text, at, DTD) : tagAt(text, at)
  }
  const [begin, close] = over
  const end = text.indexOf(close, at + begin.length)
  return end === -1 ? refuseAt(text, at, NOT_XML) : { end: end + close.length, depth: 0, nodes: 1 }
}

/**
 * Measures a text before any parser sees it: no document type, hence no entity that grows or
 * reaches out, and nothing so deep, so long or so many that a parser would suffer.
 */
const measure = (text: string): void => {
  let depth = 0
  let nodes = 0
  for (let at = text.indexOf('<'); at !== -1; ) {
    const markup = markupAt(text, at)
    depth += markup.depth
    nodes += markup.nodes
    if (depth > DEPTH_MAX) {
      refuseAt(text, at, `has elements nested deeper than ${DEPTH_MAX}`)
    }
    if (nodes > NODES_MAX) {
      refuseAt(text, at, `has more than ${NODES_MAX} elements and comments`)
    }
    at = text.indexOf('<', markup.end)
  }
}

const ELEMENT_NODE = 1
const TEXT_NODES: ReadonlySet<number> = new Set([3, 4])

const nodesIn = (node: Node): Node[] => {
  const nodes: Node[] = []
  for (let next = node.firstChild; next !== null; next = next.nextSibling) {
    nodes.push(next)
  }
  return nodes
}

/** No deeper than `measure` allows. */
const toElement = (node: Element): XmlElement => {
  const nodes = nodesIn(node)
  const children = nodes
    .filter(({ nodeType }) => nodeType === ELEMENT_NODE)
    .map((child) => toElement(child as Element))
  const texts = nodes.filter(({ nodeType }) => TEXT_NODES.has(nodeType))
  return {
    name: node.localName ?? node.nodeName,
    namespace: node.namespaceURI,
    line: node.lineNumber ?? 0,
    attributes: new Map(
      Array.from(node.attributes, ({ localName, nodeName, value }) => [
        localName ?? nodeName,
        value,
      ]),
    ),
    children,
    text: children.length === 0 ? texts.map(({ nodeValue }) => nodeValue ?? '').join('') : '',
  }
}

const parse = (text: string): Element => {
  let line = 0
  const parser = new DOMParser({
    onError: (_level, _message, context: { locator?: { lineNumber?: number } }) => {
      line = context.locator?.lineNumber ?? 0
      // The parser's own words may quote the file.
      throw new KeyFileRefusal(NOT_XML)
    },
  })
  try {
    const root = parser.parseFromString(text, 'text/xml').documentElement
    if (root !== null) {
      return root
    }
  } catch {
    // Whatever the parser says (see above); where, it says by `onError`.
  }
  throw new KeyFileRefusal(NOT_XML, line === 0 ? null : line)
}

/** Reads XML. Throws `KeyFileRefusal` with the line, and without what stands there. */
export const parseXml = (text: string): XmlElement => {
  measure(text)
  return toElement(parse(text))
}
