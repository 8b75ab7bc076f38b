/** Modified UTF-7. See README.md. */
export { decode, encode, isValid } from "./mutf7.ts";
