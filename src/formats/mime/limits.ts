/** Every limit of the MIME code, with its reason. A message beyond a limit is still stored whole; only its reading is coarser. */

/** Offsets in the cache record are 32 bits wide. A larger message is refused. */
export const maxMessageOctets = 0xffff_ffff;
/** Nesting of parts and embedded messages. Beyond it a part is a leaf, whatever it says. Real mail stays below 20. */
export const maxDepth = 128;
/** Parts of one message; beyond it delimiters no longer split. Part numbers in the record are 16 bits wide. */
export const maxParts = 10_000;
/**
 * imapd.conf's maxheaderlines: a field that starts after more lines than this is not seen by ENVELOPE, BODYSTRUCTURE or
 * HEADER.FIELDS. 0: no limit.
 */
export const maxheaderlinesDefault = 1_000;
/** Octets of one header that are read for fields; what comes after counts as header, but its fields are not seen. */
export const maxHeaderOctets = 1 << 20;
/** A longer boundary parameter counts as absent. RFC 2046 §5.1.1 allows 70; Cyrus takes over 1,000. */
export const maxBoundaryOctets = 2_048;
/** A delimiter line, with the white space after it; a longer line is text. */
export const maxDelimiterLineOctets = maxBoundaryOctets + 64;
/** Parameters of one Content-Type or Content-Disposition. */
export const maxParameters = 300;
/** Addresses of one field in an ENVELOPE. */
export const maxAddresses = 20_000;
/**
 * Octets of all ENVELOPEs and structures of one message while it is scanned; beyond it further parts are shown as text without
 * details: their numbers, sizes and octets stay right. A digest of 4,000 messages with 1 KiB each stays below. A record has most of
 * them twice, is sent to the writer in one frame (16 MiB), and checked and written in one piece while others wait.
 */
export const maxStructureOctets = 4 << 20;
/** Nested comments in a date or address. */
export const maxCommentDepth = 100;
/** Header fields that the record lists. More, and header questions go to the message itself. */
export const maxIndexedFields = 2_000;
/** Octets of one field kept in the record; a longer one is listed, and read from the message. */
export const maxCachedFieldOctets = 4_096;
/** Octets of all fields kept in the record. */
export const maxCachedFieldsOctets = 16_384;
/** A string this long goes out as a literal, as Cyrus sends it. */
export const quotedStringLimit = 1_024;
/** Text handed back for threads and duplicates: Message-ID and Subject are cut here, References holds many ids. */
export const maxTextOctets = 65_536;
/** Encoded words decoded in one value; the rest stays as it is. */
export const maxEncodedWords = 10_000;
/** An encoded word that goes over the edge of two pieces of a value is none when it is longer; RFC 2047 §2 allows 75. */
export const maxHeldCharacters = 65_536;
