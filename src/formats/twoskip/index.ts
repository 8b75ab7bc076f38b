export { isTwoskip, readTwoskip, TwoskipError, type TwoskipRecord } from "./reader.ts";
