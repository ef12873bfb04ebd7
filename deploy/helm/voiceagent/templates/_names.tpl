{{- define "voiceagent.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "voiceagent.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "voiceagent.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "voiceagent.fromSecret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}}
{{- end -}}

{{- define "voiceagent.doorsSecret" -}}
{{- if .Values.tls.doors.secret -}}{{ .Values.tls.doors.secret }}
{{- else if .Values.tls.issuer.doors -}}{{ include "voiceagent.name" . }}-doors-tls
{{- else -}}{{ fail "tls.doors is enabled: name tls.doors.secret or tls.issuer.doors" }}
{{- end -}}
{{- end -}}

{{- define "voiceagent.internalSecret" -}}
{{- if .Values.tls.internal.secret -}}{{ .Values.tls.internal.secret }}
{{- else if .Values.tls.issuer.internal -}}{{ include "voiceagent.name" . }}-internal-tls
{{- else -}}{{ fail "tls.internal is enabled: name tls.internal.secret or tls.issuer.internal" }}
{{- end -}}
{{- end -}}
