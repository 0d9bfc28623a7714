/** What the API takes and gives, made from its OpenAPI document by `npm run types`. */

export interface paths {
    "/api/v1/estimates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Estimate Profiles
         * @description Bytes, by what was made here before, and seconds with the workers that are there now.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["EstimatesBody"];
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["EstimatesView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Listen
         * @description Server-sent events of what has changed: `jobs`, `workers`, and of one job `map` and `job`.
         */
        get: {
            parameters: {
                query?: {
                    job?: string;
                };
                header?: {
                    "last-event-id"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Events, as long as it stays open. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": string;
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Jobs
         * @description The newest jobs first; `next` of the answer, given as `after`, brings those that follow.
         */
        get: {
            parameters: {
                query?: {
                    after?: string;
                    kind?: components["schemas"]["JobKind"];
                    limit?: number;
                    state?: components["schemas"]["JobState"][] | null;
                    text?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobsPage"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        /**
         * Create Job
         * @description Announce a job; 200 instead of 201 when the key was used before.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Like `key`. */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["JobBody"];
                };
            };
            responses: {
                /** @description The job that this key was used for. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Job
         * @description One job with its progress; 304 when its ETag is the one that is known.
         */
        get: {
            parameters: {
                query?: never;
                header?: {
                    "if-none-match"?: string;
                };
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                /** @description It is as it was when it had that ETag. */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        /**
         * Delete Job
         * @description Remove an ended job, with its results.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        options?: never;
        head?: never;
        /**
         * Change Job
         * @description Pause a job, go on with it, change its priority.
         */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["JobChanges"];
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        trace?: never;
    };
    "/api/v1/jobs/{job}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel Job
         * @description Stop a job; what is finished of it is kept for a retry.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/chunks/{rendition}/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Chunk
         * @description One chunk of one rendition, with all attempts at it.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                    number: number;
                    rendition: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChunkView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/failures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Failures
         * @description The newest failed attempts, and why they failed.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FailuresView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Files
         * @description The files of a stream, as far as it is there: what is downloaded is a folder that plays.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FilesView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/files/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get File
         * @description A file of a stream; ranges are supported, and the ETag is its SHA-256.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All of it. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/octet-stream": unknown;
                    };
                };
                /** @description The range that was asked for. */
                206: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/octet-stream": unknown;
                    };
                };
                /** @description It is as it was when it had that ETag. */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                /** @description It has no such range. */
                416: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/map": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Map
         * @description The state of every chunk in every rendition.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MapView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/quality": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Quality
         * @description The measurements of a job's renditions.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MeasurementsView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        /**
         * Measure Quality
         * @description Measure a rendition; 200 instead of 201 when that was asked for before and has not failed since.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["QualityBody"];
                };
            };
            responses: {
                /** @description The measurement that there is already. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MeasurementView"];
                    };
                };
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MeasurementView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/quality/{rendition}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Quality
         * @description The scores of a rendition over time; 304 when its ETag is the one that is known.
         */
        get: {
            parameters: {
                query?: never;
                header?: {
                    "if-none-match"?: string;
                };
                path: {
                    job: string;
                    rendition: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Curve"];
                    };
                };
                /** @description It is as it was when it had that ETag. */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/results/{rendition}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Result
         * @description A finished rendition; ranges are supported, and the ETag is its SHA-256.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                    rendition: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All of it. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/octet-stream": unknown;
                    };
                };
                /** @description The range that was asked for. */
                206: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/octet-stream": unknown;
                    };
                };
                /** @description It is as it was when it had that ETag. */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                /** @description It has no such range. */
                416: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry Job
         * @description Go on with a failed or cancelled job.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/source": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Source
         * @description The source as it was uploaded, as long as it is kept; ranges are supported.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All of it. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/octet-stream": unknown;
                    };
                };
                /** @description The range that was asked for. */
                206: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/octet-stream": unknown;
                    };
                };
                /** @description It is as it was when it had that ETag. */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                /** @description It has no such range. */
                416: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        /**
         * Upload Source
         * @description The source, as the body. Broken off, it can be sent again.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/octet-stream": unknown;
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JobView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Tasks
         * @description Every task with all attempts at it.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TasksView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Timeline
         * @description Every attempt: what ran where, and when.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TimelineView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/join-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Join
         * @description A token with which any number of devices join, for a while.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewJoinToken"];
                };
            };
            responses: {
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["JoinTokenView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log In
         * @description A session, as a cookie; 429 says in `Retry-After` when to try again.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Credentials"];
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Me"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Out
         * @description The session of this browser ends.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Me
         * @description Who I am to this gateway; 401 when nobody is logged in.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Me"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change Password
         * @description All sessions of the user end but this one.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PasswordChange"];
                };
            };
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/platform": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Platform
         * @description Its version, and how long it keeps what.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PlatformView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/profiles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Profiles
         * @description All that the caller may use.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProfilesView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/profiles/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Save Profile
         * @description Save a profile for the caller, in place of an own one of that name.
         */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            [key: string]: unknown;
                        };
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        post?: never;
        /**
         * Delete Profile
         * @description Delete an own profile.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/profiles/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check Profile
         * @description Everything that is wrong with a profile, by its fields.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FaultsView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set Up
         * @description The first admin, who is logged in at once. Works until there is one.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["FirstAdmin"];
                };
            };
            responses: {
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Me"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Statistics
         * @description Of the last day, unless told otherwise. One `table` of it comes as CSV when that is asked for.
         */
        get: {
            parameters: {
                query?: {
                    format?: ("json" | "csv") | null;
                    since?: number | null;
                    step?: number | null;
                    table?: ("throughput" | "devices" | "profiles" | "failures") | null;
                    until?: number | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["StatisticsView"];
                        "text/csv": unknown;
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tokens */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TokensView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        /**
         * Make
         * @description A new API token: it sees and makes what its user does, as far as its role goes.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            responses: {
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MadeToken"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke
         * @description It is not let in any more, from now on.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create
         * @description Begin the upload of a source. `Upload-Metadata` names its `job`; `Upload-Length` says how large it is.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/offset+octet-stream": string;
                };
            };
            responses: {
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": unknown;
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        /**
         * Offers
         * @description What of tus is spoken here.
         */
        options: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/uploads/{job}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show
         * @description How much has come, as JSON, for who only watches: nobody is disturbed by it.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            [key: string]: unknown;
                        };
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        /**
         * Instead
         * @description PATCH, HEAD or DELETE, by `X-HTTP-Method-Override`, where a proxy lets through no others.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/offset+octet-stream": string;
                };
            };
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        /**
         * Terminate
         * @description Give the upload up; the job waits for another one.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        /**
         * Offers For One
         * @description What of tus is spoken here.
         */
        options: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        head?: never;
        /**
         * Go On
         * @description Send more, from `Upload-Offset` on.
         */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    job: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/offset+octet-stream": string;
                };
            };
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Users */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UsersView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        /** Add */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewUser"];
                };
            };
            responses: {
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UserView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove
         * @description With their sessions, tokens, profiles and webhooks; ended jobs stay, for admins.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        options?: never;
        head?: never;
        /**
         * Change
         * @description A new role, at once; a new password.
         */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["UserChange"];
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UserView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        trace?: never;
    };
    "/api/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Webhooks */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WebhooksView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        /**
         * Add
         * @description A URL that is called when a job of one's own has ended. Its secret comes back, this once.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewWebhook"];
                };
            };
            responses: {
                /** @description Successful Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MadeWebhook"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove
         * @description It is not called any more, from now on.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Calls
         * @description What it was told of late, or is to be told.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CallsView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Test
         * @description Call it now, with an event `test`. One that was stopped is called again when this goes well.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TrialView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Workers
         * @description All workers, heard of lately first.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkersView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{worker}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Forget Worker
         * @description Remove one that is lost.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    worker: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Successful Response */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        options?: never;
        head?: never;
        /**
         * Change Worker
         * @description Rename it, let it finish and give it nothing new (`draining`), or send it home at once (`banned`).
         */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    worker: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["WorkerBody"];
                };
            };
            responses: {
                /** @description Successful Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkerView"];
                    };
                };
                401: components["responses"]["Unknown"];
                403: components["responses"]["NotAllowed"];
                404: components["responses"]["NotFound"];
                409: components["responses"]["Conflict"];
                422: components["responses"]["Rejected"];
                503: components["responses"]["Unavailable"];
                default: components["responses"]["Other"];
            };
        };
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Attempt
         * @description One lease of one task, for statistics and for the person who asks what went wrong.
         */
        Attempt: {
            /** Counted */
            counted?: number | null;
            effort: components["schemas"]["Effort"];
            /** Ended */
            ended: number | null;
            /** Error */
            error: string;
            /** Lease */
            lease: string;
            /** Number */
            number: number;
            /** Outcome */
            outcome: string;
            /** Started */
            started: number;
            /** Task */
            task: string;
            /** Worker */
            worker: string;
        };
        /**
         * AttemptView
         * @description One lease of a task.
         */
        AttemptView: {
            /** Cpu Seconds */
            cpu_seconds: number;
            /** Ended */
            ended: number | null;
            /** Error */
            error: string;
            /** Fps */
            fps: number;
            /** Number */
            number: number;
            /** Outcome */
            outcome: string;
            /** Started */
            started: number;
            /** Wall Seconds */
            wall_seconds: number;
            /** Worker */
            worker: string;
            /** Worker Name */
            worker_name: string;
        };
        /**
         * CallState
         * @description What has become of a call.
         * @enum {string}
         */
        CallState: "waiting" | "delivered" | "given-up";
        /**
         * CallsView
         * @description The latest calls of a webhook, the newest first.
         */
        CallsView: {
            /** Calls */
            calls: components["schemas"]["CallView"][];
        };
        /**
         * CallView
         * @description What one webhook is told of one end of a job.
         * @example {
         *       "attempt": 1,
         *       "created": 1760000000,
         *       "due": 1760000005.2,
         *       "error": "It answered with status 500.",
         *       "event": "job.done",
         *       "id": "call_7d1e…",
         *       "job": "3f1c…",
         *       "state": "waiting",
         *       "status": 500
         *     }
         */
        CallView: {
            /**
             * Attempt
             * @description How often it was tried.
             */
            attempt: number;
            /**
             * Created
             * @description When the job ended.
             */
            created: number;
            /**
             * Due
             * @description When it is tried next.
             */
            due: number | null;
            /**
             * Ended
             * @description When it was delivered, or given up.
             */
            ended: number | null;
            /**
             * Error
             * @description What was wrong with the last try.
             */
            error: string;
            /** Event */
            event: string;
            /**
             * Id
             * @description The webhook-id of the call, whichever try it is.
             */
            id: string;
            /** Job */
            job: string;
            state: components["schemas"]["CallState"];
            /**
             * Status
             * @description Of the last answer; null: there was none.
             */
            status: number | null;
        };
        /**
         * Cause
         * @description Why attempts failed, and how many.
         */
        Cause: {
            /** Cause */
            cause: string;
            /** Count */
            count: number;
        };
        /**
         * ChunkView
         * @description A chunk of a rendition, with all attempts at it.
         * @example {
         *       "attempts": [
         *         {
         *           "cpu_seconds": 7.9,
         *           "ended": 1760000010.2,
         *           "error": "",
         *           "fps": 31.2,
         *           "number": 1,
         *           "outcome": "delivered",
         *           "started": 1760000002,
         *           "wall_seconds": 8,
         *           "worker": "8f14e45fceea167a",
         *           "worker_name": "local-1"
         *         }
         *       ],
         *       "bytes": 812345,
         *       "error": "",
         *       "frames": 250,
         *       "state": "done"
         *     }
         */
        ChunkView: {
            /** Attempts */
            attempts: components["schemas"]["AttemptView"][];
            /** Bytes */
            bytes: number | null;
            /** Error */
            error: string;
            /** Frames */
            frames: number;
            /** State */
            state: string;
        };
        /**
         * Credentials
         * @description Who logs in.
         * @example {
         *       "name": "anna",
         *       "password": "…"
         *     }
         */
        Credentials: {
            /** Name */
            name: string;
            /** Password */
            password: string;
        };
        /**
         * Curve
         * @description What is told of a measured rendition.
         */
        Curve: {
            /** Curve */
            curve: [
                number,
                number,
                number
            ][];
            /** Frames */
            frames: number;
            low: components["schemas"]["Score"];
            mean: components["schemas"]["Score"];
            /** Model */
            model: string;
            /** Step */
            step: number;
            /** Worst */
            worst: components["schemas"]["Moment"][];
        };
        /**
         * DeviceShare
         * @description What devices of one class have done.
         */
        DeviceShare: {
            /** Arch */
            arch: string;
            /** Cpu Seconds */
            cpu_seconds: number;
            /** Device Class */
            device_class: string;
            /** Frames */
            frames: number;
            /** Joules */
            joules?: number | null;
            /** Known By */
            known_by?: string[];
            /** Wall Seconds */
            wall_seconds: number;
            /** Workers */
            workers: number;
        };
        /**
         * Effort
         * @description What an attempt cost its worker.
         */
        Effort: {
            /**
             * Bytes In
             * @default 0
             */
            bytes_in: number;
            /**
             * Bytes Out
             * @default 0
             */
            bytes_out: number;
            /**
             * Cpu Seconds
             * @default 0
             */
            cpu_seconds: number;
            /**
             * Encoder
             * @default
             */
            encoder: string;
            /**
             * Frames
             * @default 0
             */
            frames: number;
            /**
             * Joules
             * @default 0
             */
            joules: number;
            /**
             * Meter
             * @default
             */
            meter: string;
            /**
             * Wall Seconds
             * @default 0
             */
            wall_seconds: number;
        };
        /**
         * Estimate
         * @description What one rendition will come to.
         */
        Estimate: {
            /** Bytes */
            bytes: number;
            /** Measured */
            measured: boolean;
            /** Name */
            name: string;
            /** Seconds */
            seconds: number | null;
        };
        /**
         * EstimatesBody
         * @description A job that there may be: profiles, and what its source is like.
         */
        EstimatesBody: {
            /**
             * Fps
             * @example 25
             */
            fps: number;
            /**
             * Height
             * @example 1080
             */
            height: number;
            /**
             * Profiles
             * @example [
             *       {
             *         "audio": {
             *           "codec": "aac"
             *         },
             *         "codec": "libx264",
             *         "crf": 22,
             *         "height": 720,
             *         "name": "720p",
             *         "width": 1280
             *       }
             *     ]
             */
            profiles: {
                [key: string]: unknown;
            }[];
            /**
             * Seconds
             * @example 600
             */
            seconds: number;
            /**
             * Width
             * @example 1920
             */
            width: number;
        };
        /**
         * EstimatesView
         * @description What each rendition will come to, made alone.
         */
        EstimatesView: {
            /**
             * Estimates
             * @example [
             *       {
             *         "bytes": 165000000,
             *         "measured": true,
             *         "name": "720p",
             *         "seconds": 95.5
             *       }
             *     ]
             */
            estimates: components["schemas"]["Estimate"][];
        };
        /**
         * FailuresView
         * @description The newest ones, newest first.
         * @example {
         *       "failures": [
         *         {
         *           "at": 1760000010.2,
         *           "error": "The worker was not heard of for 30 s.",
         *           "kind": "video",
         *           "number": 4,
         *           "outcome": "expired",
         *           "rendition": "720p",
         *           "task": "3f1c9a7e5b2d4c6f8a01.video.720p.00004",
         *           "worker_name": "Ann's phone"
         *         }
         *       ]
         *     }
         */
        FailuresView: {
            /** Failures */
            failures: components["schemas"]["FailureView"][];
        };
        /**
         * FailureView
         * @description An attempt that failed.
         */
        FailureView: {
            /** At */
            at: number;
            /** Error */
            error: string;
            /** Kind */
            kind: string;
            /** Number */
            number: number;
            /** Outcome */
            outcome: string;
            /** Rendition */
            rendition: string;
            /** Task */
            task: string;
            /** Worker Name */
            worker_name: string;
        };
        /**
         * TaskView
         * @description What a worker is at.
         */
        fallow__services__fleet_api__TaskView: {
            /**
             * Done Frames
             * @example 156
             */
            done_frames: number;
            /**
             * Fps
             * @example 33
             */
            fps: number;
            /**
             * Frames
             * @example 300
             */
            frames: number;
            /** Job */
            job: string;
            /** Job Name */
            job_name: string;
            /**
             * Kind
             * @example video
             */
            kind: string;
            /**
             * Number
             * @description Of the chunk.
             * @example 5
             */
            number: number;
            /**
             * Rendition
             * @example 720p
             */
            rendition: string;
        };
        /**
         * TaskView
         * @description A task, with all attempts at it.
         */
        fallow__services__views__TaskView: {
            /** Attempts */
            attempts: components["schemas"]["Attempt"][];
            /** Bytes */
            bytes: number | null;
            /** Error */
            error: string;
            /** Frames */
            frames: number;
            /** Kind */
            kind: string;
            /** Number */
            number: number;
            /** Rendition */
            rendition: string;
            /** State */
            state: string;
            /** Task */
            task: string;
        };
        /**
         * Fault
         * @description What is wrong with one field.
         */
        Fault: {
            /** Field */
            field: string;
            /** Message */
            message: string;
        };
        /**
         * FaultsView
         * @description What is wrong with a profile; nothing when it is fine.
         */
        FaultsView: {
            /**
             * Errors
             * @example [
             *       {
             *         "field": "crf",
             *         "message": "crf = 99 is out of range; choose from 0 to 51."
             *       }
             *     ]
             */
            errors: components["schemas"]["Fault"][];
        };
        /**
         * FetchedView
         * @description How much has come of a source that is fetched from an address.
         */
        FetchedView: {
            /** Bytes */
            bytes: number;
            /** Error */
            error: string;
            /** Length */
            length: number | null;
        };
        /**
         * FilesView
         * @description The files of a stream, as far as it is there.
         */
        FilesView: {
            /** Files */
            files: components["schemas"]["FileView"][];
        };
        /**
         * FileView
         * @description A file of a stream.
         */
        FileView: {
            /** Name */
            name: string;
            /** Sha256 */
            sha256: string;
            /** Size */
            size: number;
        };
        /**
         * FirstAdmin
         * @description Who sets the platform up.
         * @example {
         *       "name": "anna",
         *       "password": "…"
         *     }
         */
        FirstAdmin: {
            /** Name */
            name: string;
            /** Password */
            password: string;
            /**
             * Token
             * @description From the link that `fallow up` shows at its first start.
             */
            token: string;
        };
        /**
         * JobBody
         * @description A new job; its source is uploaded afterwards, or fetched.
         */
        JobBody: {
            /**
             * Key
             * @description The same key gives the same job, however often it is sent.
             * @default
             */
            key: string;
            /**
             * Name
             * @description The input's file name.
             */
            name: string;
            options?: components["schemas"]["OptionsBody"];
            /**
             * Owner
             * @description Whose it is: each owner's jobs share one share.
             * @default
             */
            owner: string;
            /**
             * Profiles
             * @description Wire forms of profiles, as GET /api/v1/profiles gives them.
             */
            profiles: {
                [key: string]: unknown;
            }[];
            /**
             * Source Url
             * @description An http:// or https:// address that the source is fetched from, where the platform allows it.
             * @default
             */
            source_url: string;
        };
        /**
         * JobChanges
         * @description What is to be different of a job that is under way; what is left out stays as it is.
         */
        JobChanges: {
            /**
             * Paused
             * @description Nothing of a paused job is begun; what is worked on is finished.
             */
            paused?: boolean | null;
            /**
             * Priority
             * @description Among all jobs.
             */
            priority?: ("high" | "normal" | "low") | null;
        };
        /**
         * JobKind
         * @description What a job is for.
         * @enum {string}
         */
        JobKind: "encode" | "quality";
        /**
         * JobsPage
         * @description Some jobs, the newest first, and where the next ones begin.
         */
        JobsPage: {
            /** Jobs */
            jobs: components["schemas"]["JobSummary"][];
            /** Next */
            next: string | null;
        };
        /**
         * JobState
         * @description The life of a job; `moves` lists what may follow each state.
         * @enum {string}
         */
        JobState: "uploading" | "splitting" | "encoding" | "joining" | "done" | "failed" | "cancelled";
        /**
         * JobSummary
         * @description A job as lists show it.
         * @example {
         *       "cpu_seconds": 29.1,
         *       "created": 1760000000,
         *       "duration": 60,
         *       "error": "",
         *       "eta": 31.9,
         *       "fps": 61,
         *       "frames_done": 1656,
         *       "frames_total": 3600,
         *       "id": "3f1c9a7e5b2d4c6f8a01",
         *       "joules": 5400,
         *       "known_by": [
         *         "rapl"
         *       ],
         *       "name": "talk.mov",
         *       "owner": "",
         *       "paused": false,
         *       "priority": "normal",
         *       "progress": 0.46,
         *       "renditions": [
         *         "720p"
         *       ],
         *       "state": "encoding",
         *       "updated": 1760000012.5,
         *       "wall_seconds": 29.5
         *     }
         */
        JobSummary: {
            /** Cpu Seconds */
            cpu_seconds: number;
            /** Created */
            created: number;
            /** Duration */
            duration: number | null;
            /** Error */
            error: string;
            /** Eta */
            eta: number | null;
            /** Fps */
            fps: number;
            /** Frames Done */
            frames_done: number;
            /** Frames Total */
            frames_total: number;
            /** Id */
            id: string;
            /** Joules */
            joules: number | null;
            /** Known By */
            known_by: string[];
            /** Name */
            name: string;
            /** Owner */
            owner: string;
            /** Paused */
            paused: boolean;
            /** Play Url */
            play_url: string | null;
            /** Priority */
            priority: string;
            /** Progress */
            progress: number;
            /** Renditions */
            renditions: string[];
            /** Size */
            size: number | null;
            /** State */
            state: string;
            /** Updated */
            updated: number;
            /** Wall Seconds */
            wall_seconds: number;
        };
        /**
         * JobView
         * @description A job as people see it.
         * @example {
         *       "cpu_seconds": 29.1,
         *       "created": 1760000000,
         *       "duration": 60,
         *       "error": "",
         *       "error_kind": "",
         *       "eta": 31.9,
         *       "fps": 61,
         *       "frames_done": 1656,
         *       "frames_total": 3600,
         *       "id": "3f1c9a7e5b2d4c6f8a01",
         *       "joules": 5400,
         *       "known_by": [
         *         "rapl"
         *       ],
         *       "name": "talk.mov",
         *       "options": {
         *         "chunk_seconds": 10,
         *         "container": "mp4",
         *         "priority": "normal"
         *       },
         *       "owner": "",
         *       "paused": false,
         *       "priority": "normal",
         *       "progress": 0.46,
         *       "renditions": [
         *         {
         *           "chunks_done": 5,
         *           "chunks_total": 12,
         *           "fps": 61,
         *           "frames_done": 1656,
         *           "frames_total": 3600,
         *           "name": "720p",
         *           "state": "encoding"
         *         }
         *       ],
         *       "shares": [
         *         {
         *           "bytes_in": 4000000,
         *           "bytes_out": 1500000,
         *           "cpu_seconds": 29.1,
         *           "frames": 900,
         *           "name": "local-1",
         *           "tasks": 3,
         *           "wall_seconds": 29.5,
         *           "worker": "8f14e45fceea167a"
         *         }
         *       ],
         *       "state": "encoding",
         *       "tasks_running": [
         *         {
         *           "done_frames": 156,
         *           "fps": 33,
         *           "frames": 300,
         *           "kind": "video",
         *           "number": 5,
         *           "rendition": "720p",
         *           "task": "3f1c9a7e5b2d4c6f8a01.video.720p.00005",
         *           "worker": "8f14e45fceea167a",
         *           "worker_name": "local-1"
         *         }
         *       ],
         *       "updated": 1760000012.5,
         *       "waits": "",
         *       "wall_seconds": 29.5,
         *       "warnings": []
         *     }
         */
        JobView: {
            /** Cpu Seconds */
            cpu_seconds: number;
            /** Created */
            created: number;
            /** Duration */
            duration: number | null;
            /** Error */
            error: string;
            /** Error Kind */
            error_kind: string;
            /** Eta */
            eta: number | null;
            fetched: components["schemas"]["FetchedView"] | null;
            /** Fps */
            fps: number;
            /** Frames Done */
            frames_done: number;
            /** Frames Total */
            frames_total: number;
            /** Id */
            id: string;
            /** Joules */
            joules: number | null;
            /** Known By */
            known_by: string[];
            /** Name */
            name: string;
            /** Options */
            options: {
                [key: string]: unknown;
            };
            /** Owner */
            owner: string;
            /** Paused */
            paused: boolean;
            /** Play Url */
            play_url: string | null;
            /** Priority */
            priority: string;
            /** Progress */
            progress: number;
            /** Renditions */
            renditions: components["schemas"]["RenditionView"][];
            /** Shares */
            shares: components["schemas"]["ShareView"][];
            /** Size */
            size: number | null;
            /** Source */
            source: {
                [key: string]: unknown;
            } | null;
            /** State */
            state: string;
            /** Tasks Running */
            tasks_running: components["schemas"]["RunningView"][];
            /** Updated */
            updated: number;
            /** Waits */
            waits: string;
            /** Wall Seconds */
            wall_seconds: number;
            /** Warnings */
            warnings: string[];
        };
        /**
         * JoinTokenView
         * @description What a device joins with.
         * @example {
         *       "expires": 1760003600,
         *       "token": "…",
         *       "url": "https://fallow.example"
         *     }
         */
        JoinTokenView: {
            /** Expires */
            expires: number;
            /** Token */
            token: string;
            /**
             * Url
             * @description The server, as devices address it.
             */
            url: string;
        };
        /**
         * MadeToken
         * @description A new token; it is told this once.
         * @example {
         *       "created": 1760000000,
         *       "id": "5f2c…",
         *       "name": "nightly",
         *       "role": "submitter",
         *       "token": "fallow_…"
         *     }
         */
        MadeToken: {
            /** Created */
            created: number;
            /** Expires */
            expires: number | null;
            /** Id */
            id: string;
            /** Name */
            name: string;
            role: components["schemas"]["Role"];
            /** Token */
            token: string;
            /**
             * Used
             * @description When it was used last, to the minute.
             */
            used: number | null;
        };
        /**
         * MadeWebhook
         * @description A new webhook; its secret is told this once.
         * @example {
         *       "created": 1760000000,
         *       "events": [
         *         "job.done",
         *         "job.failed"
         *       ],
         *       "id": "5f2c…",
         *       "owner": "anna",
         *       "secret": "whsec_…",
         *       "stopped": "",
         *       "url": "https://example.com/told"
         *     }
         */
        MadeWebhook: {
            /** Created */
            created: number;
            /** Events */
            events: string[];
            /**
             * Failing
             * @description Since when no call has gone well; null: the last one has.
             */
            failing: number | null;
            /** Id */
            id: string;
            /** Owner */
            owner: string;
            /**
             * Secret
             * @description Its calls are signed with it, as Standard Webhooks has it.
             */
            secret: string;
            /**
             * Stopped
             * @description Why it is not called any more; a test that goes well begins anew.
             */
            stopped: string;
            /** Url */
            url: string;
        };
        /**
         * MapView
         * @description One letter for each chunk of each rendition: `.` not cut yet, `p` planned, `q` queued, `l` leased, `d` done,
         *     `x` dead, `r` planned again after a failure.
         * @example {
         *       "at": {
         *         "720p": {
         *           "2": [
         *             0,
         *             0.52
         *           ]
         *         }
         *       },
         *       "cells": {
         *         "720p": "ddlqr."
         *       },
         *       "chunks": 6,
         *       "renditions": [
         *         "720p"
         *       ],
         *       "workers": [
         *         {
         *           "id": "8f14e45fceea167a",
         *           "name": "local-1"
         *         }
         *       ]
         *     }
         */
        MapView: {
            /** At */
            at: {
                [key: string]: {
                    [key: string]: [
                        number,
                        number
                    ];
                };
            };
            /** Cells */
            cells: {
                [key: string]: string;
            };
            /** Chunks */
            chunks: number;
            /** Renditions */
            renditions: string[];
            /** Workers */
            workers: components["schemas"]["Named"][];
        };
        /**
         * Me
         * @description Who asks.
         * @example {
         *       "login": true,
         *       "name": "anna",
         *       "role": "submitter",
         *       "via": "session"
         *     }
         */
        Me: {
            /**
             * Login
             * @description Whether this gateway needs a login.
             */
            login: boolean;
            /**
             * Name
             * @description Empty for who runs the platform.
             */
            name: string;
            role: components["schemas"]["Role"];
            /**
             * Via
             * @description How they got in: loopback, session or token.
             */
            via: string;
        };
        /**
         * MeasurementsView
         * @description What was measured of a job, or is being measured.
         */
        MeasurementsView: {
            /** Measurements */
            measurements: components["schemas"]["MeasurementView"][];
        };
        /**
         * MeasurementView
         * @description How far a measurement is.
         */
        MeasurementView: {
            /** Error */
            error: string;
            /** Eta */
            eta: number | null;
            /** Job */
            job: string;
            /** Progress */
            progress: number;
            /** Rendition */
            rendition: string;
            /** State */
            state: string;
            /** Warnings */
            warnings: string[];
        };
        /**
         * Moment
         * @description A frame that is worse than those around it.
         */
        Moment: {
            /** Frame */
            frame: number;
            /** Psnr */
            psnr: number;
            /** Seconds */
            seconds: number;
            /** Vmaf */
            vmaf: number;
        };
        /**
         * Named
         * @description A worker.
         */
        Named: {
            /** Id */
            id: string;
            /** Name */
            name: string;
        };
        /**
         * NewJoinToken
         * @description For devices that are to join soon.
         */
        NewJoinToken: {
            /**
             * Minutes
             * @description How long it can be joined with.
             * @default 60
             */
            minutes: number;
        };
        /**
         * NewToken
         * @description What a program is to get in with.
         * @example {
         *       "days": 90,
         *       "name": "nightly",
         *       "role": "submitter"
         *     }
         */
        NewToken: {
            /**
             * Days
             * @description How long it lasts; null: until it is revoked.
             */
            days?: number | null;
            /**
             * Name
             * @description What it is for.
             */
            name: string;
            /** @description At most one's own. */
            role: components["schemas"]["Role"];
        };
        /**
         * NewUser
         * @description Somebody who is to have a login.
         * @example {
         *       "name": "bert",
         *       "password": "four words go here",
         *       "role": "submitter"
         *     }
         */
        NewUser: {
            /**
             * Name
             * @description Letters, digits and . _ - @ +; kept in lower case.
             */
            name: string;
            /**
             * Password
             * @description 10 characters or more.
             */
            password: string;
            /** @default submitter */
            role: components["schemas"]["Role"];
        };
        /**
         * NewWebhook
         * @description Whom to tell of what.
         * @example {
         *       "events": [
         *         "job.done"
         *       ],
         *       "url": "https://example.com/told"
         *     }
         */
        NewWebhook: {
            /**
             * Events
             * @description All unless told.
             */
            events?: ("job.done" | "job.failed" | "job.cancelled")[];
            /**
             * Url
             * @description http or https; it gets a POST.
             */
            url: string;
        };
        /**
         * OptionsBody
         * @description How a job is to be done.
         */
        OptionsBody: {
            /**
             * Accept Damaged
             * @description Encode what can be decoded of a damaged source.
             * @default false
             */
            accept_damaged: boolean;
            /**
             * Chunk Seconds
             * @description Chunks end at the first entry point after so long.
             * @default 10
             */
            chunk_seconds: number;
            /**
             * Container
             * @description Of the results: mp4, mpegts, matroska; of streams: cmaf, hls, dash, hls-ts.
             * @default mp4
             */
            container: string;
            /**
             * Ladder
             * @description Leave out renditions that the source is too small for.
             * @default false
             */
            ladder: boolean;
            /**
             * Priority
             * @description high, normal or low.
             * @default normal
             */
            priority: string;
            /**
             * Segment Seconds
             * @description Of streams: how long a segment is at most.
             * @default 4
             */
            segment_seconds: number;
        };
        /**
         * Pace
         * @description How long devices of one class take for a minute of one profile.
         */
        Pace: {
            /** Device Class */
            device_class: string;
            /** Joules Per Minute */
            joules_per_minute?: number | null;
            /** Known By */
            known_by?: string[];
            /** Minutes */
            minutes: number;
            /** Profile */
            profile: string;
            /** Seconds Per Minute */
            seconds_per_minute: number;
        };
        /**
         * PasswordChange
         * @description A new password, by who knows the old one.
         */
        PasswordChange: {
            /**
             * New
             * @description 10 characters or more; all other sessions end.
             */
            new: string;
            /** Old */
            old: string;
        };
        /**
         * PlatformView
         * @description As whoever runs it has set it.
         */
        PlatformView: {
            /**
             * Source Seconds
             * @description How long the source of a finished job is kept; 0: it goes at once.
             * @example 604800
             */
            source_seconds: number;
            /**
             * Source Urls
             * @description Whether jobs may name the address of their source, as `source_url`.
             * @example false
             */
            source_urls: boolean;
            /**
             * Upload Seconds
             * @description How long a job waits for the next byte of its source, before it is removed.
             * @example 86400
             */
            upload_seconds: number;
            /**
             * Version
             * @example 1.0.0
             */
            version: string;
        };
        /**
         * Problem
         * @description What went wrong, as RFC 9457 has it.
         * @example {
         *       "type": "urn:fallow:not-found",
         *       "title": "There is no job 3f1c; `fallow jobs` lists those that there are.",
         *       "status": 404,
         *       "kind": "rejected"
         *     }
         */
        Problem: {
            /**
             * @description rejected: trying again cannot help; retryable: it may.
             * @enum {string}
             */
            kind: "rejected" | "retryable" | "cancelled";
            /** @description The HTTP status. */
            status: number;
            /** @description A sentence: what happened, to what, and what to do. */
            title: string;
            /** @description The class of the error. */
            type: string;
        };
        /**
         * ProfilesView
         * @description Profiles in their wire form, each with its `source`: built-in, file or saved.
         */
        ProfilesView: {
            /**
             * Profiles
             * @example [
             *       {
             *         "audio": {
             *           "codec": "aac"
             *         },
             *         "codec": "libx264",
             *         "crf": 22,
             *         "height": 720,
             *         "name": "720p",
             *         "source": "built-in",
             *         "width": 1280
             *       }
             *     ]
             */
            profiles: {
                [key: string]: unknown;
            }[];
        };
        /**
         * QualityBody
         * @description What is to be measured.
         */
        QualityBody: {
            /**
             * Rendition
             * @description A finished rendition of the job.
             */
            rendition: string;
        };
        /**
         * RenditionView
         * @description How far one rendition is.
         */
        RenditionView: {
            /** Chunks Done */
            chunks_done: number;
            /** Chunks Total */
            chunks_total: number;
            /** Facts */
            facts: {
                [key: string]: unknown;
            } | null;
            /** Fps */
            fps: number;
            /** Frames Done */
            frames_done: number;
            /** Frames Total */
            frames_total: number;
            /** Name */
            name: string;
            /** Result Url */
            result_url: string | null;
            /** Size */
            size: number | null;
            /** State */
            state: string;
        };
        /**
         * Role
         * @description What somebody may do; each may do all that those above it may.
         * @enum {string}
         */
        Role: "viewer" | "submitter" | "admin";
        /**
         * RunningView
         * @description What a worker is at.
         */
        RunningView: {
            /** Done Frames */
            done_frames: number;
            /** Fps */
            fps: number;
            /** Frames */
            frames: number;
            /** Kind */
            kind: string;
            /** Number */
            number: number;
            /** Rendition */
            rendition: string;
            /** Task */
            task: string;
            /** Worker */
            worker: string;
            /** Worker Name */
            worker_name: string;
        };
        /**
         * Score
         * @description Of one frame.
         */
        Score: {
            /** Psnr */
            psnr: number;
            /** Vmaf */
            vmaf: number;
        };
        /**
         * ShareView
         * @description What a worker has done for a job.
         */
        ShareView: {
            /** Bytes In */
            bytes_in: number;
            /** Bytes Out */
            bytes_out: number;
            /** Cpu Seconds */
            cpu_seconds: number;
            /** Frames */
            frames: number;
            /** Name */
            name: string;
            /** Tasks */
            tasks: number;
            /** Wall Seconds */
            wall_seconds: number;
            /** Worker */
            worker: string;
        };
        /**
         * StatisticsView
         * @description What was done in a period of time.
         */
        StatisticsView: {
            /** Devices */
            devices: components["schemas"]["DeviceShare"][];
            /** Failures */
            failures: components["schemas"]["Cause"][];
            /** Profiles */
            profiles: components["schemas"]["Pace"][];
            /** Since */
            since: number;
            /**
             * Step
             * @description Seconds of one row of `throughput`.
             */
            step: number;
            /**
             * Throughput
             * @description [t, frames, seconds_of_video, bytes_out] delivered from `t` on for `step` seconds; nothing for when nothing was.
             * @example [
             *       [
             *         1760000000,
             *         9000,
             *         360,
             *         90000000
             *       ]
             *     ]
             */
            throughput: [
                number,
                number,
                number,
                number
            ][];
            /** Until */
            until: number;
        };
        /**
         * TasksView
         * @description All tasks of a job, for statistics and for who asks what went wrong.
         */
        TasksView: {
            /** Tasks */
            tasks: components["schemas"]["fallow__services__views__TaskView"][];
        };
        /**
         * TimelineView
         * @description What ran where. A span is: index of the worker, kind, rendition, number, started, ended or null, outcome.
         * @example {
         *       "spans": [
         *         [
         *           0,
         *           "video",
         *           "720p",
         *           0,
         *           1760000002,
         *           1760000010.2,
         *           "delivered"
         *         ]
         *       ],
         *       "workers": [
         *         {
         *           "id": "8f14e45fceea167a",
         *           "name": "local-1"
         *         }
         *       ]
         *     }
         */
        TimelineView: {
            /** Spans */
            spans: [
                number,
                string,
                string,
                number,
                number,
                number | null,
                string
            ][];
            /** Workers */
            workers: components["schemas"]["Named"][];
        };
        /**
         * TokensView
         * @description One's tokens, the newest first.
         */
        TokensView: {
            /** Tokens */
            tokens: components["schemas"]["TokenView"][];
        };
        /**
         * TokenView
         * @description A token, without itself.
         * @example {
         *       "created": 1760000000,
         *       "id": "5f2c…",
         *       "name": "nightly",
         *       "role": "submitter"
         *     }
         */
        TokenView: {
            /** Created */
            created: number;
            /** Expires */
            expires: number | null;
            /** Id */
            id: string;
            /** Name */
            name: string;
            role: components["schemas"]["Role"];
            /**
             * Used
             * @description When it was used last, to the minute.
             */
            used: number | null;
        };
        /**
         * TrialView
         * @description What came of a test.
         */
        TrialView: {
            /** Delivered */
            delivered: boolean;
            /** Error */
            error: string;
            /** Seconds */
            seconds: number;
            /**
             * Status
             * @description Of the answer; null: there was none.
             */
            status: number | null;
        };
        /**
         * UserChange
         * @description What is to be different.
         * @example {
         *       "role": "admin"
         *     }
         */
        UserChange: {
            /**
             * Password
             * @description All sessions of the user end.
             */
            password?: string | null;
            role?: components["schemas"]["Role"] | null;
        };
        /**
         * UsersView
         * @description All users, by name.
         */
        UsersView: {
            /** Users */
            users: components["schemas"]["UserView"][];
        };
        /**
         * UserView
         * @description A user.
         * @example {
         *       "created": 1760000000,
         *       "name": "bert",
         *       "role": "submitter"
         *     }
         */
        UserView: {
            /** Created */
            created: number;
            /** Name */
            name: string;
            role: components["schemas"]["Role"];
        };
        /**
         * WebhooksView
         * @description One's webhooks, an admin's are everybody's; the newest first.
         */
        WebhooksView: {
            /** Webhooks */
            webhooks: components["schemas"]["WebhookView"][];
        };
        /**
         * WebhookView
         * @description A webhook, without its secret.
         * @example {
         *       "created": 1760000000,
         *       "events": [
         *         "job.done",
         *         "job.failed"
         *       ],
         *       "id": "5f2c…",
         *       "owner": "anna",
         *       "stopped": "",
         *       "url": "https://example.com/told"
         *     }
         */
        WebhookView: {
            /** Created */
            created: number;
            /** Events */
            events: string[];
            /**
             * Failing
             * @description Since when no call has gone well; null: the last one has.
             */
            failing: number | null;
            /** Id */
            id: string;
            /** Owner */
            owner: string;
            /**
             * Stopped
             * @description Why it is not called any more; a test that goes well begins anew.
             */
            stopped: string;
            /** Url */
            url: string;
        };
        /**
         * WorkerBody
         * @description What is to be changed of a worker.
         */
        WorkerBody: {
            /**
             * Name
             * @description "" gives it its own name back.
             */
            name?: string | null;
            /** Standing */
            standing?: ("active" | "draining" | "banned") | null;
        };
        /**
         * WorkersView
         * @description All workers.
         */
        WorkersView: {
            /** Workers */
            workers: components["schemas"]["WorkerView"][];
        };
        /**
         * WorkerView
         * @description A worker as people see it.
         */
        WorkerView: {
            /**
             * Arch
             * @description arm64, arm, x86, or another family of processors.
             * @example arm64
             */
            arch: string;
            /**
             * Calibrated Fps
             * @description Frames per second of 1080p by its trials, until it has delivered something; null: unknown.
             */
            calibrated_fps: number | null;
            /**
             * Device Class
             * @description phone, board, laptop, pc or server, as far as its machine tells; else unknown.
             * @example phone
             */
            device_class: string;
            /**
             * Failed
             * @description Attempts that were not.
             * @example 2
             */
            failed: number;
            /**
             * Fps
             * @description Frames per second of what it delivered in the last hour.
             * @example 48.5
             */
            fps: number;
            /**
             * Frames
             * @description Delivered in all.
             * @example 90000
             */
            frames: number;
            /**
             * Id
             * @example 8f14e45fceea167a
             */
            id: string;
            /**
             * Joules Per Minute
             * @description Of video of the last hour, beyond what it takes idle; null: nobody knows.
             */
            joules_per_minute: number | null;
            /**
             * Known By
             * @description How that is known: rapl, battery, meter have measured it, model has reckoned it.
             */
            known_by: string[];
            /**
             * Leases
             * @description Tasks that it has.
             * @example 1
             */
            leases: number;
            /**
             * Local
             * @description Started by the platform itself, not by a person.
             */
            local: boolean;
            /**
             * Machine
             * @description What the agent tells of it.
             * @example {
             *       "arch": "aarch64",
             *       "cores": 8,
             *       "ffmpeg": "7.1",
             *       "memory": 8000000000,
             *       "system": "Linux"
             *     }
             */
            machine: {
                [key: string]: unknown;
            };
            /**
             * Name
             * @description What people call it.
             * @example Ann's phone
             */
            name: string;
            /**
             * Reason
             * @description Why it is paused.
             * @example
             */
            reason: string;
            /**
             * Registered
             * @description When it came first; null when that is not known.
             */
            registered: number | null;
            /**
             * Seen
             * @description When it was heard of last, in seconds since 1970.
             * @example 1760000000
             */
            seen: number;
            /**
             * Standing
             * @description What an administrator wants of it.
             * @enum {string}
             */
            standing: "active" | "draining" | "banned";
            /**
             * State
             * @enum {string}
             */
            state: "working" | "idle" | "paused" | "draining" | "banned" | "lost";
            /** @description The first of them. */
            task: components["schemas"]["fallow__services__fleet_api__TaskView"] | null;
            /**
             * Tasks
             * @description Attempts that were good.
             * @example 300
             */
            tasks: number;
            /**
             * Trust
             * @description The share of its attempts that were good; null before the first.
             */
            trust: number | null;
            /**
             * Wall Seconds
             * @description That these took.
             * @example 1850.5
             */
            wall_seconds: number;
        };
    };
    responses: {
        /** @description The present state does not allow this. */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Who asks is known, and may not do this. */
        NotAllowed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no such thing, or it is somebody else's. */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Something else is wrong; the sentence says what. */
        Other: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request makes no sense; the sentence says what. */
        Rejected: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A back end cannot be reached at the moment; try again. */
        Unavailable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Nobody is logged in, or the token is none of this platform's. */
        Unknown: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
