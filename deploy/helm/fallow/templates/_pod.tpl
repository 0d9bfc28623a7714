{{- /* The container of a service: root, role, service (its values). */ -}}
{{- define "fallow.container" -}}
{{- $root := .root -}}
name: {{ .role }}
image: {{ include "fallow.image" (dict "root" $root "class" (include "fallow.class" .role)) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args: [serve, {{ .role }}]
ports:
  - {name: http, containerPort: 8000}
env:
  # Said here, as a Service named fallow would say another one.
  - {name: FALLOW_PORT, value: "8000"}
  - {name: FALLOW_STOP_SECONDS, value: {{ .service.stopSeconds | quote }}}
  {{- if eq .role "worker" }}
  - {name: FALLOW_WORKERS, value: {{ .service.slots | quote }}}
  {{- end }}
  {{- range $name, $value := mergeOverwrite (deepCopy $root.Values.settings) .service.settings }}
  - {name: FALLOW_{{ upper $name }}, value: {{ kindIs "float64" $value | ternary (toJson $value) (toString $value) | quote }}}
  {{- end }}
  {{- include "fallow.secretFiles" (dict "role" .role "backends" (list "queue" "ledger" "store")) | trim | nindent 2 }}
  {{- with include "fallow.storeVariables" $root | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .service.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $root.Values.store.environmentSecret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- with .service.probes }}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  timeoutSeconds: {{ .timeoutSeconds }}
  failureThreshold: {{ div (int .startupSeconds) 2 }}
# Whether it lives: no back end is asked, as a restart would help nobody when one is away.
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: {{ .periodSeconds }}
  timeoutSeconds: {{ .timeoutSeconds }}
  failureThreshold: {{ .failureThreshold }}
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: {{ .periodSeconds }}
  timeoutSeconds: {{ .timeoutSeconds }}
  failureThreshold: {{ .failureThreshold }}
{{- end }}
{{- if .service.preStopSeconds }}
lifecycle:
  preStop:
    exec: {command: [sleep, {{ .service.preStopSeconds | quote }}]}
{{- end }}
resources: {{- toYaml .service.resources | nindent 2 }}
securityContext: {{- include "fallow.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: temporary, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets/fallow, readOnly: true}
  {{- with .service.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "fallow.affinity" -}}
{{- if .service.affinity -}}
{{- toYaml .service.affinity -}}
{{- else -}}
{{- with .service.architectures -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - {key: kubernetes.io/arch, operator: In, values: {{ toJson . }}}
{{ end -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- include "fallow.selector" .root | nindent 12 }}
            app.kubernetes.io/component: {{ .role }}
{{- end -}}
{{- end }}

{{- define "fallow.priority" -}}
{{- $kind := eq .role "worker" | ternary "workers" "services" -}}
{{- $own := .root.Values.priorityClasses.create | ternary (printf "%s-%s-%s" .root.Release.Namespace (include "fallow.fullname" .root) $kind) "" -}}
{{- .service.priorityClassName | default $own -}}
{{- end }}

{{- /* After its signal a pod has `stopSeconds`, and some for giving back what it holds; no kill comes before. */ -}}
{{- define "fallow.grace" -}}
{{- add (int .stopSeconds) (int .preStopSeconds) 15 -}}
{{- end }}
