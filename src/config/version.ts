/** The version of this product, and the one of Cyrus IMAP whose interface it has. */
export const productVersion = "0.1.0";
export const cyrusVersion = "3.6.1";

/** What programs print for -V and `cyr_info version`, without the name in front. */
export const version = `${cyrusVersion}-Pasargad-${productVersion}`;
/** `cyrus-imapd VERSION`: tools take the part up to the first hyphen after the digits as the version of Cyrus. */
export const versionLine = `cyrus-imapd ${version}`;
