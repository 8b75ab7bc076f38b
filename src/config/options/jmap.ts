/** JMAP. */
import { duration, int, string, toggle } from "./define.ts";

export const jmapOptions = {
  jmap_emailsearch_db_path: string(undefined, {
    since: "3.1.6",
    areas: ["jmap"],
    help: "Email search cache file (deprecated in 3.6, no effect)",
    deprecated: { since: "3.6.0" },
  }),
  jmap_imagesize_annot: string(undefined, {
    since: "3.1.1",
    areas: ["jmap"],
    help: "Annotation with image sizes JSON",
  }),
  jmap_inlinedcids_annot: string(undefined, {
    since: "3.1.1",
    areas: ["jmap"],
    help: "Annotation mapping inlined CIDs",
  }),
  jmap_mail_max_size_attachments_per_email: int(10240, {
    since: "3.1.6",
    areas: ["jmap"],
    help: "KiB advertised only",
  }),
  jmap_max_calls_in_request: int(50, { since: "3.1.6", areas: ["jmap"], help: "Max method calls per request" }),
  jmap_max_catenate_items: int(100, { since: "3.6.0", areas: ["jmap"], help: "Max Blob/set catenate items" }),
  jmap_max_concurrent_requests: int(5, { since: "3.1.6", areas: ["jmap"], help: "Advertised only" }),
  jmap_max_concurrent_upload: int(5, { since: "3.1.6", areas: ["jmap"], help: "Advertised only" }),
  jmap_max_delayed_send: duration("512d", "s", { since: "3.1.8", areas: ["jmap"], help: "Advertised maxDelayedSend" }),
  jmap_max_objects_in_get: int(4096, { since: "3.1.6", areas: ["jmap"], help: "Max ids per /get" }),
  jmap_max_objects_in_set: int(4096, { since: "3.1.6", areas: ["jmap"], help: "Max objects per /set" }),
  jmap_max_size_blob_set: int(4096, { since: "3.3.0", areas: ["jmap"], help: "KiB max Blob/set" }),
  jmap_max_size_request: int(10240, { since: "3.1.6", areas: ["jmap"], help: "KiB max API request" }),
  jmap_max_size_upload: int(1048576, { since: "3.1.6", areas: ["jmap"], help: "KiB max blob upload" }),
  jmap_nonstandard_extensions: toggle(false, {
    since: "3.1.9",
    areas: ["jmap"],
    help: "Enable non-IETF JMAP features (contacts, calendars, backup...)",
  }),
  jmap_preview_annot: string(undefined, {
    since: "3.1.1",
    areas: ["jmap", "imap"],
    help: "Per-message annotation holding preview text",
  }),
  jmap_preview_length: int(64, { since: "3.1.1", areas: ["jmap"], help: "Bytes of generated preview" }),
  jmap_pushpoll: duration("60s", "s", {
    since: "3.6.0",
    areas: ["jmap"],
    help: "EventSource/WebSocket push poll; 0 off",
  }),
  jmap_querycache_max_age: duration("0m", "m", {
    since: "3.6.0",
    areas: ["jmap"],
    help: "In-memory query result cache age; 0 off",
  }),
  jmap_set_has_attachment: toggle(true, {
    since: "3.1.5",
    areas: ["jmap"],
    help: "Set $hasAttachment on created mail",
  }),
  jmap_vacation: toggle(true, { since: "3.1.8", areas: ["jmap"], help: "Enable VacationResponse" }),
  jmappushsubscriptionfolder: string("#jmappushsubscription", {
    since: "3.1.8",
    areas: ["jmap"],
    help: "Per-user folder for push subscriptions",
  }),
  jmapsubmission_deleteonsend: toggle(true, {
    since: "3.1.8",
    areas: ["jmap"],
    help: "Remove EmailSubmission once sent",
  }),
  jmapsubmissionfolder: string("#jmapsubmission", {
    since: "3.1.8",
    areas: ["jmap"],
    help: "Per-user folder for submissions",
  }),
  jmapuploadfolder: string("#jmap", { since: "3.1.1", areas: ["jmap"], help: "Per-user folder for uploads" }),
  notesmailbox: string(undefined, {
    since: "3.0.0",
    areas: ["jmap", "imap"],
    help: "Apple Notes folder name; unset off",
  }),
};
