/** Messages as octets: scanning, the cache record, header fields, sections, decoding. Pure; see README.md. */
export { type Address, parseAddresses, unspecifiedDomain } from "./addresses.ts";
export { type BaseSubject, baseSubject } from "./base-subject.ts";
export { charsetDecoder, decodeText } from "./charset.ts";
export { type CheckOptions, checkMessage, MessageChecker, type MessageFault, munge8bit } from "./check-message.ts";
export { type ParsedDate, parseDate } from "./date.ts";
export { decodeExtendedValue, decodeWords, WordDecoder } from "./encoded-words.ts";
export { cacheEnvelope, type Envelope, type SortKeys, sortKeys } from "./envelope.ts";
export { FieldSet, fieldNameHash, headerFields, unfold } from "./header-fields.ts";
export * as limits from "./limits.ts";
export {
  type CacheItem,
  cacheFieldPlaces,
  cacheHasField,
  cacheHeaderFields,
  cacheHeaderFieldsRoom,
  cacheItem,
  cachePart,
  cachePartAt,
  cachePartCount,
  cacheSection,
  checkRecord,
  type Encoding,
  type FieldPlaces,
  hasSoundHead,
  type PartInfo,
  type Range,
  recordCrc,
  recordLength,
  recordMessageSize,
  recordVersion,
  type SectionKind,
} from "./record.ts";
export { bulkyFields, type ScannedMessage } from "./record-builder.ts";
export { MessageScanner, type ScanOptions, scanMessage } from "./scanner.ts";
export { decodeTransfer, type TransferDecoder, transferDecoder } from "./transfer-decoding.ts";
