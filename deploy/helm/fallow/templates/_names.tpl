{{- define "fallow.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "fallow.labels" -}}
{{ include "fallow.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "fallow.selector" -}}
app.kubernetes.io/name: fallow
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fallow.serviceAccount" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "fallow.fullname" .) "default" -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end }}

{{- /* What a service has: the defaults, and over them what is said of it. */ -}}
{{- define "fallow.service" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (index .root.Values .role) | toYaml -}}
{{- end }}

{{- /* An image by its class: server or worker. */ -}}
{{- define "fallow.image" -}}
{{- $image := index .root.Values.image .class -}}
{{- $tag := .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- if eq $tag "latest" -}}
{{- fail "image.tag must not be latest: nobody knows then what runs; name a version." -}}
{{- end -}}
{{- with .root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $tag }}{{ end -}}
{{- end }}

{{- define "fallow.class" -}}
{{- eq . "worker" | ternary "worker" "server" -}}
{{- end }}

{{- define "fallow.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* What the world needs to see: all but /healthz, /readyz and /metrics. */ -}}
{{- define "fallow.paths" -}}
/api /agent /blobs /play /assets
{{- end }}

{{- /* An API's version: the old one on clusters that have no other. */ -}}
{{- define "fallow.api" -}}
{{- .root.Capabilities.APIVersions.Has .new | ternary .new .old -}}
{{- end }}
